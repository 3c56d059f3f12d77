package awssecret_test

import (
	"context"
	"net/http"
	"testing"
)

// front puts the new root in front.
func front(list string) (string, error) { return newRoot + "," + list, nil }

// A change leaves everything else of a JSON object as it is, and reads the
// secret as the functions do.
func TestChangeKeepsTheForm(t *testing.T) {
	const both = newRoot + "," + oldRoot
	for name, tt := range map[string]struct{ text, want string }{
		"a list":           {oldRoot, both},
		"a JSON object":    {`{"secrets":"` + oldRoot + `"}`, `{"secrets":"` + both + `"}`},
		"texts besides":    {`{"a":"b","secrets":"` + oldRoot + `"}`, `{"a":"b","secrets":"` + both + `"}`},
		"no texts besides": {`{"n":12345678901234567890,"secrets":"` + oldRoot + `","x":{"b":1,"a":[null,true]}}`, `{"n":12345678901234567890,"secrets":"` + both + `","x":{"b":1,"a":[null,true]}}`},
		"a long one":       {`{"secrets":"` + oldRoot + `","x":["` + newRoot + `"]}`, `{"secrets":"` + both + `","x":["` + newRoot + `"]}`},
		"white space":      {" {\n \"secrets\" : \"" + oldRoot + "\"\n}\n", `{"secrets":"` + both + `"}`},
		"the last counts":  {`{"secrets":"x","secrets":"` + oldRoot + `"}`, `{"secrets":"` + both + `"}`},
	} {
		t.Run(name, func(t *testing.T) {
			s := newShelf(t, tt.text)
			if err := s.Change(t.Context(), front); err != nil || s.text() != tt.want {
				t.Errorf("%v: %s", err, s.text())
			}
		})
	}
	for name, text := range map[string]string{
		"empty": "", "no member": `{"a":"b"}`, "a number": `{"secrets":5}`, "null": `{"secrets":null}`, "a list of texts": `{"secrets":["` + oldRoot + `"]}`,
	} {
		t.Run(name, func(t *testing.T) {
			s := newShelf(t, text)
			if err := s.Change(t.Context(), front); err == nil || s.text() != text || len(s.versions) != 1 {
				t.Errorf("%v: %s", err, s.text())
			}
		})
	}
}

// A change that was broken off says whether it was made: before its last step
// it was not, and the next one does not mind what it has left.
func TestChangeBrokenOff(t *testing.T) {
	for name, tt := range map[string]struct {
		call   string
		before bool
		made   bool
	}{
		"before the writing":        {"PutSecretValue", true, false},
		"its reply lost":            {"PutSecretValue", false, false},
		"between the two":           {"UpdateSecretVersionStage", true, false},
		"the last one's reply lost": {"UpdateSecretVersionStage", false, true},
	} {
		t.Run(name, func(t *testing.T) {
			s := newShelf(t, oldRoot)
			ctx, leave := context.WithCancel(t.Context())
			defer leave()
			broken := func(call string) {
				if call == tt.call {
					leave()
					panic(http.ErrAbortHandler)
				}
			}
			if tt.before {
				s.before = broken
			} else {
				s.after = broken
			}
			err := s.Change(ctx, front)
			if made := s.text() != oldRoot; made != tt.made || (err == nil) != tt.made {
				t.Errorf("%v, and it was made: %v", err, made)
			}
			s.before, s.after = func(string) {}, func(string) {}
			if !tt.made {
				if err := s.Change(t.Context(), front); err != nil || s.text() != newRoot+","+oldRoot {
					t.Errorf("again: %v: %s", err, s.text())
				}
			}
		})
	}
}
