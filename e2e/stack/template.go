package stack

import (
	"fmt"
	"os"
	"regexp"
	"slices"
	"strconv"
	"sync"

	"gopkg.in/yaml.v3"
)

// Template is a SAM template as written, its intrinsic functions unresolved.
type Template struct {
	root *yaml.Node
}

// Values are what CloudFormation knows and the template's text does not.
type Values struct {
	Parameters map[string]string // given values; the rest take their defaults
	Region     string            // default eu-central-1
	Account    string            // default 123456789012
	StackName  string            // default latchkey
	APIID      string            // what !Ref of an HTTP API gives; default a1b2c3d4e5
	Table      string            // what !Ref of the template's first table gives; empty: its logical id, as under sam local
	Tables     map[string]string // what !Ref of a table gives, by logical id; goes before Table

	Unruled bool // the section Rules is left out

	samLocal bool // !Ref gives logical ids
}

func (v Values) withDefaults() Values {
	for field, value := range map[*string]string{
		&v.Region: "eu-central-1", &v.Account: "123456789012", &v.StackName: "latchkey", &v.APIID: "a1b2c3d4e5",
	} {
		if *field == "" {
			*field = value
		}
	}
	return v
}

// Parse reads a template's text. A key that stands twice is an error, which
// CloudFormation and the SAM CLI let pass.
func Parse(text []byte) (*Template, error) {
	var doc yaml.Node
	if err := yaml.Unmarshal(text, &doc); err != nil {
		return nil, fmt.Errorf("stack: template: %w", err)
	}
	if doc.Kind != yaml.DocumentNode || doc.Content[0].Kind != yaml.MappingNode {
		return nil, fmt.Errorf("stack: template: not a mapping")
	}
	if err := onceEach(doc.Content[0]); err != nil {
		return nil, fmt.Errorf("stack: template: %w", err)
	}
	return &Template{root: doc.Content[0]}, nil
}

// ParseFile reads a template from a file.
func ParseFile(path string) (*Template, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("stack: %w", err)
	}
	return Parse(text)
}

func onceEach(n *yaml.Node) error {
	seen := map[string]bool{}
	for i, c := range n.Content {
		if n.Kind == yaml.MappingNode && i%2 == 0 {
			if seen[c.Value] {
				return fmt.Errorf("line %d: %s stands twice", c.Line, c.Value)
			}
			seen[c.Value] = true
		}
		if err := onceEach(c); err != nil {
			return err
		}
	}
	return nil
}

// Resolve gives every parameter its value and resolves the intrinsic
// functions, as creating the stack would. Parameters, patterns and rules that
// CloudFormation would refuse are errors.
func (t *Template) Resolve(v Values) (Document, error) {
	r, err := t.accepted(v)
	if err != nil {
		return nil, err
	}
	doc := Document{}
	for _, section := range []string{"Globals", "Resources", "Outputs"} {
		if child(t.root, section) == nil {
			continue
		}
		value, err := r.section(section)
		if err != nil {
			return nil, fmt.Errorf("stack: template: %s: %w", section, err)
		}
		doc[section] = value
	}
	return doc, nil
}

// Refusal is why CloudFormation would not even begin with given parameters:
// what declares one refuses its value, or a rule refuses all of them together.
func (t *Template) Refusal(v Values) error {
	_, err := t.accepted(v)
	return err
}

// accepted is a resolver whose parameters are what the template takes.
func (t *Template) accepted(v Values) (*resolver, error) {
	r := &resolver{values: v.withDefaults(), root: t.root, parameters: map[string]string{}, deciding: map[string]bool{}}
	if err := r.takeParameters(); err != nil {
		return nil, fmt.Errorf("stack: template: %w", err)
	}
	if v.Unruled {
		return r, nil
	}
	if err := r.checkRules(); err != nil {
		return nil, fmt.Errorf("stack: template: %w", err)
	}
	return r, nil
}

// Conditions are the truth of the template's conditions for given parameters.
func (t *Template) Conditions(v Values) (map[string]bool, error) {
	v.Unruled = true
	r, err := t.accepted(v)
	if err != nil {
		return nil, err
	}
	all := map[string]bool{}
	for name := range pairs(child(t.root, "Conditions")) {
		holds, err := r.condition(name)
		if err != nil {
			return nil, fmt.Errorf("stack: template: condition %s: %w", name, err)
		}
		all[name] = holds
	}
	return all, nil
}

// takeParameters merges given values and defaults, and checks each against
// its AllowedValues, AllowedPattern, MinValue and MaxValue.
func (r *resolver) takeParameters() error {
	section := child(r.root, "Parameters")
	for name := range r.values.Parameters {
		if child(section, name) == nil {
			return fmt.Errorf("parameter %s: not declared", name)
		}
	}
	for name, n := range pairs(section) {
		value, given := r.values.Parameters[name]
		if def := child(n, "Default"); !given && def != nil {
			value, given = def.Value, true
		}
		if !given {
			return fmt.Errorf("parameter %s: needs a value", name)
		}
		if err := allowed(n, value); err != nil {
			return fmt.Errorf("parameter %s: %q %w", name, value, err)
		}
		r.parameters[name] = value
	}
	return nil
}

// patterns are the AllowedPatterns that were met, compiled: a test may try
// thousands of sets of parameters.
var patterns sync.Map

func allowed(n *yaml.Node, value string) error {
	if list := child(n, "AllowedValues"); list != nil &&
		!slices.ContainsFunc(list.Content, func(c *yaml.Node) bool { return c.Value == value }) {
		return fmt.Errorf("is not one of the allowed values")
	}
	if p := child(n, "AllowedPattern"); p != nil {
		pattern, known := patterns.Load(p.Value)
		if !known {
			compiled, err := regexp.Compile(p.Value)
			if err != nil {
				return fmt.Errorf("has a pattern that does not compile: %w", err)
			}
			pattern, _ = patterns.LoadOrStore(p.Value, compiled)
		}
		if !pattern.(*regexp.Regexp).MatchString(value) {
			return fmt.Errorf("does not match %s", p.Value)
		}
	}
	if kind := child(n, "Type"); kind == nil || kind.Value != "Number" {
		return nil
	}
	number, err := strconv.ParseFloat(value, 64)
	if err != nil {
		return fmt.Errorf("is not a number")
	}
	for bound, sign := range map[string]float64{"MinValue": 1, "MaxValue": -1} {
		if b := child(n, bound); b != nil {
			if limit, err := strconv.ParseFloat(b.Value, 64); err != nil || sign*number < sign*limit {
				return fmt.Errorf("is beyond %s %s", bound, b.Value)
			}
		}
	}
	return nil
}

// checkRules evaluates the section Rules.
func (r *resolver) checkRules() error {
	for name, rule := range pairs(child(r.root, "Rules")) {
		if c := child(rule, "RuleCondition"); c != nil {
			applies, err := r.truth(c)
			if err != nil {
				return fmt.Errorf("rule %s: %w", name, err)
			}
			if !applies {
				continue
			}
		}
		for _, a := range items(child(rule, "Assertions")) {
			holds, err := r.truth(child(a, "Assert"))
			if err != nil {
				return fmt.Errorf("rule %s: %w", name, err)
			}
			if !holds {
				return fmt.Errorf("rule %s: %s", name, child(a, "AssertDescription").Value)
			}
		}
	}
	return nil
}
