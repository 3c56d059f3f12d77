package doctor

import (
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"strings"
)

// Report is the outcome of an examination.
type Report struct {
	Findings []Finding `json:"findings"`
	// RedirectURI is the one to register; empty when it is not known.
	RedirectURI string `json:"redirect_uri"`
	// Exit is the status for a script: 0 when there is nothing to do but heed
	// warnings, 1 when something has to be mended, 2 when something could not
	// be checked and nothing else is wrong.
	Exit int `json:"exit"`

	provider string
}

// NewReport judges findings, and keeps of their text what can be printed
// safely. provider is the preset's name, which decides
// where the redirect URI is to be registered.
func NewReport(findings []Finding, redirectURI, provider string) Report {
	r := Report{Findings: slices.Clone(findings), RedirectURI: shown(redirectURI), provider: provider}
	for i, f := range findings {
		r.Findings[i] = Finding{f.ID, f.Level, shown(f.What), shown(f.Why), shown(f.Do)}
		switch {
		case f.Level == Problem:
			r.Exit = 1
		case f.Level == Unchecked && r.Exit == 0:
			r.Exit = 2
		}
	}
	return r
}

// JSON writes the report as one object.
func (r Report) JSON(w io.Writer) error {
	e := json.NewEncoder(w)
	e.SetEscapeHTML(false)
	e.SetIndent("", "  ")
	if err := e.Encode(r); err != nil {
		return fmt.Errorf("doctor: write the report: %w", err)
	}
	return nil
}

// Text writes the report for people.
func (r Report) Text(w io.Writer) error {
	var b strings.Builder
	for _, f := range r.Findings {
		line := func(label, text string) { fmt.Fprintf(&b, "%-9s  %-12s  %s\n", label, "", text) }
		fmt.Fprintf(&b, "%-9s  %-12s  %s\n", f.Level, f.ID, f.What)
		if f.Why != "" {
			line("", "why: "+f.Why)
		}
		if f.Do != "" {
			line("", "do:  "+f.Do)
		}
	}
	if r.RedirectURI != "" {
		b.WriteString("\n" + where(r.provider) + "\n\n    " + r.RedirectURI + "\n\n")
	}
	b.WriteString(r.verdict() + "\n")
	if _, err := io.WriteString(w, b.String()); err != nil {
		return fmt.Errorf("doctor: write the report: %w", err)
	}
	return nil
}

func (r Report) verdict() string {
	count := map[Level]int{}
	for _, f := range r.Findings {
		count[f.Level]++
	}
	switch {
	case r.Exit == 0 && count[Warning] == 0:
		return "Nothing to do."
	case r.Exit == 0:
		return fmt.Sprintf("Nothing has to be mended; warnings: %d.", count[Warning])
	}
	return fmt.Sprintf("To mend: %d. Not checked: %d. Warnings: %d.", count[Problem], count[Unchecked], count[Warning])
}
