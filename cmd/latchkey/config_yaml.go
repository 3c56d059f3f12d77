package main

import (
	"slices"
	"strings"

	"gopkg.in/yaml.v3"
)

// fields hands each value of a mapping to the function of its name. Names
// that are not known, or there twice, are problems: a setting that is spelled
// wrong must not be a setting that is missing.
func (p *parser) fields(n *yaml.Node, what string, known map[string]func(*yaml.Node)) {
	if n.Kind != yaml.MappingNode {
		p.report(n, "%s", strings.TrimSpace(what+" has to be a mapping of names to values"))
		return
	}
	seen := map[string]bool{}
	for i := 0; i+1 < len(n.Content); i += 2 {
		name, value := n.Content[i], n.Content[i+1]
		read, ok := known[name.Value]
		switch {
		case !ok:
			p.report(name, "%q is not known here; use %s", name.Value, names(known))
		case seen[name.Value]:
			p.report(name, "%q is there twice; remove one", name.Value)
		default:
			read(value)
		}
		seen[name.Value] = true
	}
}

func names(known map[string]func(*yaml.Node)) string {
	var list []string
	for name := range known {
		list = append(list, name)
	}
	slices.Sort(list)
	return strings.Join(list, ", ")
}

// each calls read for every element of a list of mappings.
func (p *parser) each(n *yaml.Node, name string, read func(*yaml.Node)) {
	if n.Kind != yaml.SequenceNode {
		p.report(n, "%s has to be a list", name)
		return
	}
	for _, element := range n.Content {
		read(element)
	}
}

// text reads a string. A number or a word such as yes is taken as it is
// written: passwords look like anything.
func (p *parser) text(into *string) func(*yaml.Node) {
	return func(n *yaml.Node) {
		switch {
		case n.Kind != yaml.ScalarNode || n.Tag == "!!null":
			p.report(n, "a text is missing here")
		case strings.ContainsFunc(n.Value, func(c rune) bool { return c < 0x20 || c == 0x7f }):
			p.report(n, "the text has a control character; remove it")
		default:
			*into = n.Value
		}
	}
}

func (p *parser) bool(into *bool) func(*yaml.Node) {
	return func(n *yaml.Node) {
		if n.Kind != yaml.ScalarNode || n.Tag != "!!bool" {
			p.report(n, "%q is neither true nor false", n.Value)
			return
		}
		*into = n.Value == "true" || n.Value == "True" || n.Value == "TRUE"
	}
}

func (p *parser) list(into *[]string) func(*yaml.Node) {
	return func(n *yaml.Node) {
		*into = []string{}
		if n.Kind != yaml.SequenceNode {
			p.report(n, "a list is missing here, for example [email]")
			return
		}
		for _, element := range n.Content {
			var one string
			p.text(&one)(element)
			*into = append(*into, one)
		}
	}
}
