package awssecret_test

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/latchkey-go/latchkey/pkg/secret"
	"github.com/latchkey-go/latchkey/pkg/store/awssecret"
	"github.com/latchkey-go/latchkey/pkg/token"
)

// rotated is when the newest version of the tests was made.
var rotated = time.Unix(1_800_000_000, 0)

// roots are secrets by a short name.
var roots = map[string]string{
	"n3": "the-very-newest-secret-of-the-tests-0123456789", "n2": "the-newest-secret-of-the-tests-0123456789-abc", "n": newRoot, "cur": oldRoot,
	"o1": "an-older-secret-of-the-tests-0123456789-abcde", "o2": "the-oldest-secret-of-the-tests-0123456789-abc",
}

// versionOf is a version with these secrets; without a date if created is zero.
func versionOf(names string, created time.Time) string {
	var list []string
	for name := range strings.FieldsSeq(names) {
		list = append(list, roots[name])
	}
	date := ""
	if !created.IsZero() {
		date = fmt.Sprintf(`,"CreatedDate":%.3f`, float64(created.UnixMilli())/1000)
	}
	return `{"SecretString":"` + strings.Join(list, ",") + `"` + date + `}`
}

// signer is the short name of the key that signs.
func signer(t *testing.T, keys secret.Keys) string {
	t.Helper()
	r, err := keys.Ring(t.Context(), "")
	if err != nil {
		t.Fatal(err)
	}
	for name, root := range roots {
		if idOf(t, root) == r.Newest().ID {
			return name
		}
	}
	return "nobody"
}

func TestANewKeySignsAfterItsNotice(t *testing.T) {
	for name, tt := range map[string]struct {
		list    string
		created time.Time
		after   time.Duration // since rotated
		want    string
	}{
		"at once":                    {"n cur", rotated, 0, "cur"},
		"the last moment":            {"n cur", rotated, awssecret.Notice - time.Second, "cur"},
		"its turn":                   {"n cur", rotated, awssecret.Notice, "n"},
		"long ago":                   {"n cur", rotated, 1000 * time.Hour, "n"},
		"our clock is behind":        {"n cur", rotated, -time.Minute, "cur"},
		"dated in the future":        {"n cur", rotated.Add(24 * time.Hour), 0, "cur"},
		"that future, and its turn":  {"n cur", rotated.Add(24 * time.Hour), 24*time.Hour + awssecret.Notice, "n"},
		"without a date":             {"n cur", time.Time{}, 0, "n"},
		"alone, after a retirement":  {"n", rotated, 0, "n"},
		"three, before its turn":     {"n cur o1", rotated, time.Minute, "cur"},
		"three, when it is its turn": {"n cur o1", rotated, awssecret.Notice, "n"},
	} {
		t.Run(name, func(t *testing.T) {
			m := newManager(t)
			m.say(200, versionOf(tt.list, tt.created))
			m.before.Store(versionOf(strings.TrimPrefix(tt.list, "n "), rotated.Add(-1000*time.Hour)))
			at := rotated.Add(tt.after)
			k := m.keys(func() time.Time { return at })
			if got := signer(t, k); got != tt.want {
				t.Errorf("%s signs, want %s", got, tt.want)
			}
			r, err := k.Ring(t.Context(), idOf(t, newRoot))
			if err != nil || r.Roots()[0].ID != idOf(t, newRoot) {
				t.Errorf("the new key is not there yet: %v", err)
			}
		})
	}
}

// An instance that is warm does not read to see whose turn it is.
func TestATurnNeedsNoReading(t *testing.T) {
	m := newManager(t)
	m.say(200, versionOf("n cur", rotated))
	m.before.Store(versionOf("cur", rotated.Add(-time.Hour)))
	at := rotated.Add(awssecret.Notice - time.Minute)
	k := m.keys(func() time.Time { return at })
	first := signer(t, k)
	reads := m.reads.Load()
	at = rotated.Add(awssecret.Notice - time.Nanosecond)
	second := signer(t, k)
	at = rotated.Add(awssecret.Notice)
	if third := signer(t, k); first != "cur" || second != "cur" || third != "n" || m.reads.Load() != reads {
		t.Errorf("%s, %s, %s; %d readings", first, second, third, m.reads.Load()-reads)
	}
}

// Whatever was done to the list, a key signs that everybody knows, and if that
// is sure of the one that signed, it goes on, until the first has been there for
// long enough.
func TestWhatSignedGoesOn(t *testing.T) {
	const long = 1000 * time.Hour
	for name, tt := range map[string]struct {
		now, before string
		age         time.Duration // of the version before, when the new one was made
		want        string
	}{
		"rotated":                                  {"n cur", "cur", long, "cur"},
		"the oldest retired":                       {"cur o1", "cur o1 o2", long, "cur"},
		"one in the middle retired":                {"cur o2", "cur o1 o2", long, "cur"},
		"rotated twice in a row":                   {"n2 n cur", "n cur", time.Minute, "cur"},
		"rotated twice, the second after a notice": {"n2 n cur", "n cur", awssecret.Notice, "n"},
		"rotated, then the oldest retired":         {"n cur", "n cur o1", time.Minute, "cur"},
		"the oldest retired, then rotated":         {"n cur", "cur", time.Minute, "cur"},
		"rotated three times in a row":             {"n3 n2 n cur", "n2 n cur", time.Minute, "cur"},
		"rotated four times, two before a notice":  {"n3 n2 n cur", "n2 n cur", awssecret.Notice, "n2"},
		"changed twice in a row, of several":       {"n cur o1", "cur o1", time.Minute, "o1"},
		"rotated, of several":                      {"n cur o1", "cur o1", long, "cur"},
		"the one that signs retired":               {"cur o1", "n cur o1", long, "cur"},
		"the one that signs retired, the new left": {"n o1", "n cur o1", time.Minute, "o1"},
		"all replaced by hand":                     {"n n2", "cur", long, "n2"},
		"written by hand, nothing before":          {"n cur", "", 0, "cur"},
		"written by hand, before it no list":       {"n cur", "nonsense", long, "cur"},
		"rotated twice, nothing before":            {"n2 n cur", "", 0, "cur"},
		"rotated twice, before it no list":         {"n2 n cur", "nonsense", long, "cur"},
	} {
		t.Run(name, func(t *testing.T) {
			m := newManager(t)
			m.say(200, versionOf(tt.now, rotated))
			if tt.before != "" {
				m.before.Store(versionOf(tt.before, rotated.Add(-tt.age)))
			}
			at := rotated.Add(time.Second)
			k := m.keys(func() time.Time { return at })
			if got := signer(t, k); got != tt.want {
				t.Errorf("%s signs, want %s", got, tt.want)
			}
			if at = rotated.Add(awssecret.Notice); signer(t, k) != strings.Fields(tt.now)[0] {
				t.Errorf("%s signs in the end", signer(t, k))
			}
		})
	}
}

// published are the key ids that an instance publishes, and how many seconds
// a copy of them may be used.
func published(t *testing.T, keys secret.Keys) (ids []string, maxAge time.Duration) {
	t.Helper()
	w := httptest.NewRecorder()
	(&token.JWKS{Keys: keys}).ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/oauth/jwks", nil))
	var set struct {
		Keys []struct {
			ID string `json:"kid"`
		} `json:"keys"`
	}
	if err := json.Unmarshal(w.Body.Bytes(), &set); err != nil {
		t.Fatal(err)
	}
	for _, key := range set.Keys {
		ids = append(ids, key.ID)
	}
	m := regexp.MustCompile(`max-age=(\d+)`).FindStringSubmatch(w.Header().Get("Cache-Control"))
	if m == nil {
		t.Fatalf("no max-age: %q", w.Header().Get("Cache-Control"))
	}
	seconds, err := strconv.Atoi(m[1])
	if err != nil {
		t.Fatal(err)
	}
	return ids, time.Duration(seconds) * time.Second
}

// What one warm instance signs, everybody can verify with what another one
// publishes, and with a copy of that as old as it may be: in every second of a
// rotation, whenever the two have read.
func TestRotationIsPublishedBeforeItSigns(t *testing.T) {
	const step = 20 * time.Second
	for lag := time.Duration(0); lag < awssecret.MaxAge; lag += step {
		m := newManager(t)
		at := rotated.Add(-awssecret.MaxAge)
		now := func() time.Time { return at }
		m.say(200, versionOf("cur", rotated.Add(-1000*time.Hour)))
		signs, shows := m.keys(now), m.keys(now)
		copies := map[time.Time][]string{}
		var turned time.Time
		for ; at.Before(rotated.Add(2 * awssecret.Notice)); at = at.Add(step) {
			if at.Equal(rotated) {
				m.say(200, versionOf("n cur", rotated))
				m.before.Store(versionOf("cur", rotated.Add(-1000*time.Hour)))
			}
			name := signer(t, signs)
			if at.Before(rotated.Add(lag - awssecret.MaxAge)) {
				continue // the other one has not started
			}
			var maxAge time.Duration
			copies[at], maxAge = published(t, shows)
			for age := time.Duration(0); age <= maxAge; age += step {
				if set, there := copies[at.Add(-age)]; there && !slices.Contains(set, idOf(t, roots[name])) {
					t.Fatalf("%v after the rotation: %s signs, and keys of %v before do not have it", at.Sub(rotated), name, age)
				}
			}
			if name == "n" && turned.IsZero() {
				turned = at
			}
		}
		if late := turned.Sub(rotated); turned.IsZero() || late < awssecret.Notice || late >= awssecret.Notice+step {
			t.Errorf("the new key signs %v after the rotation", late)
		}
	}
}

// The operator is told what the functions do.
func TestOperatorSeesTheTurn(t *testing.T) {
	m := newManager(t)
	m.say(200, versionOf("n cur", rotated))
	m.before.Store(versionOf("cur", rotated.Add(-time.Hour)))
	o := operatorAt(m.URL)
	for after, want := range map[time.Duration]struct {
		signs string
		due   time.Time
	}{
		time.Minute:      {"cur", rotated.Add(awssecret.Notice)},
		awssecret.Notice: {"n", time.Time{}},
	} {
		ring, due, err := o.Ring(context.Background(), rotated.Add(after))
		if err != nil || ring.Newest().ID != idOf(t, roots[want.signs]) || !due.Equal(want.due) {
			t.Errorf("after %v: due %v, %v", after, due, err)
		}
	}
	m.say(400, `{"__type":"AccessDeniedException"}`)
	if _, _, err := o.Ring(context.Background(), rotated); err == nil {
		t.Error("nothing was read, and nothing said")
	}
}
