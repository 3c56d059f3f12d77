package awssecret_test

import (
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"

	"github.com/latchkey-go/latchkey/pkg/secret"
	"github.com/latchkey-go/latchkey/pkg/store/awssecret"
)

// added and without are changes of a list.
func added(name string) func(string) (string, error) {
	return func(list string) (string, error) { return roots[name] + "," + list, nil }
}

func without(root string) func(string) (string, error) {
	return func(list string) (string, error) {
		all := strings.Split(list, ",")
		return strings.Join(slices.DeleteFunc(all, func(s string) bool { return s == root }), ","), nil
	}
}

// What signs goes on through whatever an operator does how fast; taken out
// itself, the next older key takes over.
func TestWhatSignsGoesOnThroughEveryChange(t *testing.T) {
	for name, tt := range map[string]struct {
		first string
		steps string // +key adds, -key retires, ~ waits for a notice, . for a minute
		want  string // who signs after the last one
	}{
		"nothing done":                         {"cur", "", "cur"},
		"rotated":                              {"cur o1", "+n .", "cur"},
		"rotated, its turn":                    {"cur o1", "+n ~", "n"},
		"three times in a row":                 {"cur o1", "+n . +n2 . +n3 .", "cur"},
		"one after another":                    {"cur o1", "+n ~ +n2 .", "n"},
		"retired, then rotated":                {"cur o1 o2", "-o2 . +n .", "cur"},
		"rotated, then all old ones retired":   {"cur o1 o2", "+n . -o2 . -o1 .", "cur"},
		"the new one taken back":               {"cur o1", "+n . -n .", "cur"},
		"taken back, and another one":          {"cur o1", "+n . -n . +n2 .", "cur"},
		"the one that signs retired":           {"n cur o1", "-n .", "cur"},
		"the same, and rotated":                {"n cur o1", "-n . +n2 .", "cur"},
		"the one that signs retired, new left": {"cur o1 o2", "+n . -cur .", "o1"},
		"nobody knows one that is left":        {"cur", "+n . +n2 . -cur .", "n"},
	} {
		t.Run(name, func(t *testing.T) {
			var list []string
			for name := range strings.FieldsSeq(tt.first) {
				list = append(list, roots[name])
			}
			s := newShelf(t, strings.Join(list, ","))
			for step := range strings.FieldsSeq(tt.steps) {
				var err error
				switch step[0] {
				case '+':
					err = s.Change(t.Context(), added(step[1:]))
				case '-':
					err = s.Change(t.Context(), without(roots[step[1:]]))
				case '~':
					s.pass(awssecret.Notice)
				case '.':
					s.pass(time.Minute)
				}
				if err != nil {
					t.Fatalf("%s: %v", step, err)
				}
			}
			if got := signer(t, s.keys()); got != tt.want {
				t.Errorf("%s signs, want %s", got, tt.want)
			}
			s.pass(awssecret.Notice)
			if first := idOf(t, strings.Split(s.text(), ",")[0]); idOf(t, roots[signer(t, s.keys())]) != first {
				t.Errorf("%s signs in the end", signer(t, s.keys()))
			}
		})
	}
}

// Of any two instances, what one signs the other has published for long enough,
// whatever an operator does how fast, and by whatever means: keys are added,
// and the oldest one is retired unless it signs.
func TestAnyHistoryIsPublishedBeforeItSigns(t *testing.T) {
	const step = 30 * time.Second
	for seed := range uint64(24) {
		random := rand.New(rand.NewPCG(seed, 0))
		s := newShelf(t, secret.Mint(256))
		change := func(do func(string) (string, error)) {
			if seed%2 == 0 || seed%3 == 0 && random.IntN(2) == 0 {
				list, _ := do(s.text())
				s.write(list)
			} else if err := s.Change(t.Context(), do); err != nil {
				t.Fatal(err)
			}
		}
		one, two := s.keys(), s.keys()
		_, _ = published(t, one)
		s.pass(time.Duration(random.IntN(10)) * step)
		began, copies := s.now(), map[time.Time][]string{}
		for next := began; s.now().Before(began.Add(time.Hour)); s.pass(step) {
			at := s.now()
			if !at.Before(next) {
				next = at.Add(time.Duration(1+random.IntN(30)) * step)
				ring, _, err := s.Ring(t.Context(), at)
				if err != nil {
					t.Fatal(err)
				}
				all := strings.Split(s.text(), ",")
				if last := all[len(all)-1]; random.IntN(3) == 0 && ring.Newest().ID != idOf(t, last) {
					change(without(last))
				} else {
					change(func(list string) (string, error) { return secret.Mint(256) + "," + list, nil })
				}
			}
			ring, err := one.Ring(t.Context(), "")
			if err != nil {
				t.Fatal(err)
			}
			copies[at], _ = published(t, two)
			for age := time.Duration(0); age <= 5*time.Minute; age += step {
				if set, there := copies[at.Add(-age)]; there && !slices.Contains(set, ring.Newest().ID) {
					t.Fatalf("history %d, after %v: who signs is not among the keys of %v before", seed, at.Sub(began), age)
				}
			}
		}
	}
}

// roundTrip answers without a network.
type roundTrip struct{ http.Handler }

func (h roundTrip) Do(r *http.Request) (*http.Response, error) {
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	return w.Result(), nil
}

// What signs is what does when the change is written, however long somebody
// thinks about it.
func TestWhatSignsGoesOnAfterALongQuestion(t *testing.T) {
	s := newShelf(t, roots["cur"]+","+roots["o1"])
	synctest.Test(t, func(t *testing.T) {
		o := awssecret.NewOperator(aws.Config{Region: "eu-central-1", HTTPClient: roundTrip{s}, Credentials: credentials.NewStaticCredentialsProvider("x", "y", "")}, "arn:x")
		if err := o.Change(t.Context(), added("n")); err != nil {
			t.Fatal(err)
		}
		err := o.Change(t.Context(), func(list string) (string, error) {
			time.Sleep(awssecret.Notice)
			s.pass(awssecret.Notice)
			return without(roots["o1"])(list)
		})
		if err != nil {
			t.Fatal(err)
		}
	})
	if got := signer(t, s.keys()); got != "n" {
		t.Errorf("%s signs", got)
	}
}
