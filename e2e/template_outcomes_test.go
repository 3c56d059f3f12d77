package e2e_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/latchkey-go/latchkey/e2e/stack"
)

// sourcesOf are the Go files below a folder, tests left out, by their paths.
func sourcesOf(t *testing.T, folder string) map[string]string {
	t.Helper()
	root, err := stack.Root()
	if err != nil {
		t.Fatal(err)
	}
	root = filepath.Join(root, folder)
	sources := map[string]string{}
	err = filepath.WalkDir(root, func(path string, _ fs.DirEntry, err error) error {
		if err != nil || !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go") {
			return err
		}
		text, err := os.ReadFile(path)
		name, _ := filepath.Rel(root, path)
		sources[filepath.ToSlash(name)] = string(text)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return sources
}

// outcomesOf are the outcomes that sources can log: the text that is added to
// the log line as one, what something named outcome is or returns, and the
// codes of errors, which whoever refuses with them logs. A constant that is
// only declared, or only has a title, is none.
func outcomesOf(t *testing.T, sources map[string]string) map[string]bool {
	t.Helper()
	constants, files := map[string]string{}, []*ast.File{}
	for _, name := range slices.Sorted(maps.Keys(sources)) {
		file, err := parser.ParseFile(token.NewFileSet(), name, sources[name], 0)
		if err != nil {
			t.Fatal(err)
		}
		files = append(files, file)
		ast.Inspect(file, func(n ast.Node) bool {
			if spec, ok := n.(*ast.ValueSpec); ok && len(spec.Names) == len(spec.Values) {
				for i, value := range spec.Values {
					if text, ok := quotedText(value); ok {
						constants[file.Name.Name+"."+spec.Names[i].Name] = text
					}
				}
			}
			return true
		})
	}
	logged := map[string]bool{}
	for _, file := range files {
		inspect(file, func(value ast.Expr) {
			if text, ok := textOf(constants, file.Name.Name, value); ok {
				logged[text] = true
			}
		})
	}
	return logged
}

// inspect calls add with what a file logs as an outcome, or refuses with.
func inspect(file *ast.File, add func(ast.Expr)) {
	ast.Inspect(file, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.KeyValueExpr:
			if key, ok := n.Key.(*ast.Ident); ok && key.Name == "Code" {
				add(n.Value)
			}
		case *ast.AssignStmt:
			for i, to := range n.Lhs {
				if name := lastName(to); (name == "Code" || name == "outcome") && len(n.Rhs) == len(n.Lhs) {
					add(n.Rhs[i])
				}
			}
		case *ast.CallExpr:
			if len(n.Args) == 2 && lastName(n.Fun) == "String" {
				if key, ok := quotedText(n.Args[0]); ok && key == "outcome" {
					add(n.Args[1])
				}
			}
		case *ast.FuncDecl:
			if n.Name.Name == "outcome" {
				ast.Inspect(n, func(n ast.Node) bool {
					if back, ok := n.(*ast.ReturnStmt); ok {
						for _, value := range back.Results {
							add(value)
						}
					}
					return true
				})
			}
		}
		return true
	})
}

// quotedText is the text of a string literal.
func quotedText(e ast.Expr) (string, bool) {
	literal, ok := e.(*ast.BasicLit)
	if !ok || literal.Kind != token.STRING {
		return "", false
	}
	text, err := strconv.Unquote(literal.Value)
	return text, err == nil
}

// textOf is the text of a literal or a constant, also as string(constant).
func textOf(constants map[string]string, pkg string, e ast.Expr) (string, bool) {
	if call, ok := e.(*ast.CallExpr); ok && len(call.Args) == 1 && lastName(call.Fun) == "string" {
		e = call.Args[0]
	}
	switch e := e.(type) {
	case *ast.Ident:
		text, ok := constants[pkg+"."+e.Name]
		return text, ok
	case *ast.SelectorExpr:
		text, ok := constants[lastName(e.X)+"."+e.Sel.Name]
		return text, ok
	}
	return quotedText(e)
}

// lastName is the name at the end of an expression such as a.b.name.
func lastName(e ast.Expr) string {
	switch e := e.(type) {
	case *ast.Ident:
		return e.Name
	case *ast.SelectorExpr:
		return e.Sel.Name
	}
	return ""
}
