package stack

import (
	"errors"
	"fmt"
	"slices"

	"gopkg.in/yaml.v3"
)

// section resolves a section, without the entries whose condition is false.
func (r *resolver) section(name string) (map[string]any, error) {
	m := map[string]any{}
	for id, n := range pairs(child(r.root, name)) {
		there, err := r.there(n)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", id, err)
		}
		if !there {
			continue
		}
		if m[id], err = r.value(n); err != nil {
			return nil, err
		}
	}
	return m, nil
}

// there reports whether a resource or an output exists under the conditions.
func (r *resolver) there(n *yaml.Node) (bool, error) {
	c := child(n, "Condition")
	if c == nil {
		return true, nil
	}
	return r.condition(c.Value)
}

// condition is the truth of a named condition.
func (r *resolver) condition(name string) (bool, error) {
	n := child(child(r.root, "Conditions"), name)
	if n == nil {
		return false, fmt.Errorf("no condition is named %s", name)
	}
	if r.deciding[name] {
		return false, fmt.Errorf("the condition %s needs itself", name)
	}
	r.deciding[name] = true
	defer delete(r.deciding, name)
	return r.truth(n)
}

// truth evaluates a condition function.
func (r *resolver) truth(n *yaml.Node) (bool, error) {
	name, arg, ok := intrinsic(n)
	if !ok {
		return false, fmt.Errorf("line %d: not a condition", n.Line)
	}
	switch name {
	case "Condition":
		return r.condition(arg.Value)
	case "Equals":
		a, errA := r.value(arg.Content[0])
		b, errB := r.value(arg.Content[1])
		if errA != nil || errB != nil {
			return false, fmt.Errorf("line %d: %w", n.Line, firstOf(errA, errB))
		}
		return fmt.Sprint(a) == fmt.Sprint(b), nil
	case "Not", "And", "Or":
		all, some := true, false
		for _, c := range arg.Content {
			holds, err := r.truth(c)
			if err != nil {
				return false, err
			}
			all, some = all && holds, some || holds
		}
		return map[string]bool{"Not": !some, "And": all, "Or": some}[name], nil
	case "Contains": // in a rule only: a list, and what has to be in it
		if len(arg.Content) != 2 {
			return false, fmt.Errorf("line %d: Contains needs a list and a value", n.Line)
		}
		list, errList := r.value(arg.Content[0])
		one, errOne := r.value(arg.Content[1])
		all, isList := list.([]any)
		if errList != nil || errOne != nil || !isList {
			return false, fmt.Errorf("line %d: %w", n.Line, firstOf(errList, errOne, errors.New("what Contains looks into is no list")))
		}
		return slices.ContainsFunc(all, func(v any) bool { return fmt.Sprint(v) == fmt.Sprint(one) }), nil
	}
	return false, fmt.Errorf("line %d: the condition function %s is not understood here", n.Line, name)
}
