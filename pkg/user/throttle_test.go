package user_test

import (
	"strings"
	"testing"
	"time"

	"github.com/latchkey-go/latchkey/pkg/user"
)

var start = time.Unix(1_800_000_000, 0)

func TestTake_S30(t *testing.T) {
	const limit = 5
	full := user.Tries{Fails: limit, NextAt: start.Add(40 * time.Second), ExpiresAt: start.Add(10 * time.Minute)}
	for name, tt := range map[string]struct {
		in    user.Tries
		at    time.Duration
		wait  time.Duration
		fails int
	}{
		"nobody has tried":                  {user.Tries{}, 0, 0, 1},
		"the last free try":                 {user.Tries{Fails: 4, NextAt: start.Add(time.Minute), ExpiresAt: start.Add(time.Minute)}, 0, 0, 5},
		"one too many":                      {full, 0, 40 * time.Second, 5},
		"a second before the pause is over": {full, 39 * time.Second, time.Second, 5},
		"within that second":                {full, 39*time.Second + 999*time.Millisecond, time.Second, 5},
		"the pause is over":                 {full, 40 * time.Second, 0, 6},
		"the window is over":                {full, 10 * time.Minute, 0, 1},
		"long after the window":             {full, 24 * time.Hour, 0, 1},
		"far above the limit":               {user.Tries{Fails: 900, NextAt: full.NextAt, ExpiresAt: full.ExpiresAt}, 0, 40 * time.Second, 900},
		"a clock that ran ahead":            {user.Tries{Fails: 5, NextAt: start.Add(time.Hour), ExpiresAt: start.Add(2 * time.Hour)}, 0, user.Pause, 5},
	} {
		got, wait := tt.in.Take(limit, start.Add(tt.at))
		if wait != tt.wait || got.Fails != tt.fails {
			t.Errorf("%s: wait %v, fails %d; want %v, %d", name, wait, got.Fails, tt.wait, tt.fails)
		}
		if wait == 0 && got.NextAt.Before(start.Add(tt.at).Truncate(time.Second).Add(user.Pause)) {
			t.Errorf("%s: the next try at %v", name, got.NextAt)
		}
	}
}

// Over a quarter of an hour a stranger who never rests gets the free tries and
// one a minute; then the count starts anew.
func TestTriesInAWindow_S30(t *testing.T) {
	var b user.Tries
	looked := 0
	for at := time.Duration(0); at < user.Window; at += time.Second {
		var wait time.Duration
		if b, wait = b.Take(user.AccountLimit, start.Add(at)); wait == 0 {
			looked++
		} else if wait > user.Pause {
			t.Fatalf("wait %v", wait)
		}
	}
	if least, most := user.AccountLimit, user.AccountLimit+int(user.Window/user.Pause); looked < least || looked > most {
		t.Errorf("%d tries were looked at", looked)
	}
}

func TestReturn_S30(t *testing.T) {
	b, _ := user.Tries{}.Take(5, start)
	if b = b.Return(); b.Fails != 0 {
		t.Errorf("%d fails after a success", b.Fails)
	}
	if b = b.Return(); b.Fails != 0 {
		t.Errorf("%d fails after one success too many", b.Fails)
	}
}

func TestBucketNamesNobody(t *testing.T) {
	a := user.Bucket("account", "alice@example.com")
	if strings.Contains(a, "alice") || !strings.HasPrefix(a, "try#") || a == user.Bucket("source", "alice@example.com") || a == user.Bucket("account", "alice@example.org") {
		t.Error(a)
	}
}
