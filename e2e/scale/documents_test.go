package scale_test

import (
	"flag"
	"math"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/latchkey-go/latchkey/e2e/scale"
)

var update = flag.Bool("update", false, "write the tables of README.md and docs/scale.md")

func path(name string) string { return filepath.Join("..", "..", filepath.FromSlash(name)) }

func read(t *testing.T, name string) string {
	t.Helper()
	text, err := os.ReadFile(path(name))
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// rewritten is text with the rows that want has under its head. It reports
// whether the head is there, once.
func rewritten(text string, want table) (string, bool) {
	head := line(want.head) + "\n"
	before, rest, _ := strings.Cut(text, head)
	if strings.Count("\n"+text, "\n"+head) != 1 {
		return text, false
	}
	for strings.HasPrefix(rest, "|") {
		_, rest, _ = strings.Cut(rest, "\n")
	}
	rows := "|" + strings.Repeat("---|", len(want.head)) + "\n"
	for _, row := range want.rows {
		rows += line(row) + "\n"
	}
	return before + head + rows + rest, true
}

// TestTables compares every table of the documents with the model. After a
// change of the model, go test ./e2e/scale -update writes them anew; the prose
// around them is to be read again then.
func TestTables(t *testing.T) {
	for name, tables := range documents() {
		text := read(t, name)
		now := text
		for _, want := range tables {
			var found bool
			if now, found = rewritten(now, want); !found {
				t.Errorf("%s: not one table with the head %s", name, line(want.head))
			}
		}
		switch {
		case now == text:
		case *update:
			if err := os.WriteFile(path(name), []byte(now), 0o644); err != nil {
				t.Error(err)
			}
		default:
			t.Errorf("%s differs from the model (go test ./e2e/scale -update):\n%s", name, firstDifference(text, now))
		}
		for _, want := range tables {
			row := want.rows[0]
			planted := strings.Replace(now, line(row)+"\n", line(append(slices.Clone(row[:len(row)-1]), "7.77"))+"\n", 1)
			if again, _ := rewritten(planted, want); again == planted {
				t.Errorf("%s: another number under %q is not noticed", name, want.head[0])
			}
		}
	}
}

func firstDifference(got, want string) string {
	g, w := strings.Split(got, "\n"), strings.Split(want, "\n")
	for i := range min(len(g), len(w)) {
		if g[i] != w[i] {
			return "has   " + g[i] + "\nmodel " + w[i]
		}
	}
	return "has another number of lines"
}

func cells(text string, want table) [][]string {
	_, rest, _ := strings.Cut(text, line(want.head)+"\n")
	var rows [][]string
	for l := range strings.Lines(rest) {
		if !strings.HasPrefix(l, "|") {
			break
		}
		rows = append(rows, strings.Split(strings.Trim(l, "| \n"), " | "))
	}
	return rows[min(1, len(rows)):]
}

// TestFormula works out the last column of the README's table from the others
// with the formula and the prices that stand next to it, as a reader would.
func TestFormula(t *testing.T) {
	readme := read(t, "README.md")
	price := map[string]float64{}
	for _, row := range cells(readme, prices()) {
		price[strings.Trim(row[0], "`")] = value(t, row[2])
	}
	const formula = "a million = a*requests + l*invocations + g*GB-seconds + w*writes + r*reads + c*logs + o*sent + k*kept"
	if !strings.Contains(readme, "\n"+formula+"\n") {
		t.Fatalf("the README has no line %q", formula)
	}
	for _, row := range cells(readme, costOfFlows()) {
		n := make([]float64, len(row))
		for i := range row[1:] {
			n[i+1] = value(t, row[i+1])
		}
		sum := price["a"]*n[1] + price["l"]*n[2] + price["w"]*n[3] + price["r"]*n[4] + price["g"]*n[5] +
			price["c"]*n[6] + price["o"]*n[7] + price["k"]*n[8]
		if want := n[9]; math.Abs(sum-want) > 0.01+want/500 {
			t.Errorf("%s: the formula gives %.3f, the table has %v", row[0], sum, want)
		}
	}
}

func value(t *testing.T, cell string) float64 {
	t.Helper()
	n, err := strconv.ParseFloat(strings.ReplaceAll(cell, ",", ""), 64)
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// TestOperations compares what the model says of an operation with its budget
// in docs/storage.md.
func TestOperations(t *testing.T) {
	storage := read(t, "docs/storage.md")
	for name, op := range scale.Operations {
		want := budget(storage, name)
		if got := [2]float64{op.Writes, op.Reads}; got != want {
			t.Errorf("%s: %v writes and reads, docs/storage.md has %v", name, got, want)
		}
		if _, known := scale.Items[op.Item]; !known {
			t.Errorf("%s: %q is no item", name, op.Item)
		}
	}
	if budget(strings.ReplaceAll(storage, "1 write", "3 writes"), "PutLogin") != [2]float64{3, 0} {
		t.Error("another budget is not noticed")
	}
}

// budget reads the first row of docs/storage.md that begins with an operation.
func budget(storage, operation string) (budget [2]float64) {
	for l := range strings.Lines(storage) {
		row := strings.Split(strings.Trim(l, "| \n"), " | ")
		if !slices.Contains(strings.Split(strings.ReplaceAll(row[0], "`", ""), ", "), operation) {
			continue
		}
		last := row[len(row)-1]
		for i, unit := range []string{"write", "read"} {
			if m := regexp.MustCompile(`(\d+) ` + unit).FindStringSubmatch(last); m != nil {
				budget[i], _ = strconv.ParseFloat(m[1], 64)
			}
		}
		return budget
	}
	return [2]float64{-1, -1}
}
