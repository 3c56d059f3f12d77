package session_test

import (
	"errors"
	"slices"
	"testing"
	"time"

	"github.com/latchkey-go/latchkey/pkg/session"
)

var entryNow = time.Unix(1_800_000_000, 0)

// live is at version 3, committed by n3.
func live(change ...func(*session.Entry)) session.Entry {
	e := session.Entry{
		Key: "session#k", Version: 3, Claim: "n3", SeenAt: entryNow,
		ExpiresAt: entryNow.Add(time.Hour), MaxAt: entryNow.Add(24 * time.Hour),
	}
	for _, c := range change {
		c(&e)
	}
	return e
}

func leasedBy(nonce string) func(*session.Entry) {
	return func(e *session.Entry) { e.Lease, e.LeaseUntil = nonce, entryNow.Add(10*time.Second) }
}

func maxAt(at time.Time) func(*session.Entry) { return func(e *session.Entry) { e.MaxAt = at } }

func TestExpired_C67(t *testing.T) {
	for name, tt := range map[string]struct {
		e    session.Entry
		at   time.Time
		want bool
	}{
		"fresh":                         {live(), entryNow, false},
		"the last moment":               {live(), entryNow.Add(time.Hour - 1), false},
		"the idle end":                  {live(), entryNow.Add(time.Hour), true},
		"the absolute end, though used": {live(maxAt(entryNow.Add(time.Minute))), entryNow.Add(time.Minute), true},
		"before the absolute end":       {live(maxAt(entryNow.Add(time.Minute))), entryNow.Add(time.Minute - 1), false},
		"no entry":                      {session.Entry{}, entryNow, true},
	} {
		if got := tt.e.Expired(tt.at); got != tt.want {
			t.Errorf("%s: %v", name, got)
		}
	}
}

func TestJudgeLease(t *testing.T) {
	for name, tt := range map[string]struct {
		e       session.Entry
		version uint32
		nonce   string
		after   time.Duration
		want    error
	}{
		"free":                           {live(), 3, "n4", 0, nil},
		"its own":                        {live(leasedBy("n4")), 3, "n4", 0, nil},
		"another's":                      {live(leasedBy("n5")), 3, "n4", 0, session.ErrLeased},
		"another's, the last moment":     {live(leasedBy("n5")), 3, "n4", 10*time.Second - 1, session.ErrLeased},
		"another's, over":                {live(leasedBy("n5")), 3, "n4", 10 * time.Second, nil},
		"a pause":                        {live(leasedBy(session.FailedLease)), 3, "n4", 0, session.ErrLeased},
		"a pause, over":                  {live(leasedBy(session.FailedLease)), 3, "n4", 10 * time.Second, nil},
		"by nobody":                      {live(leasedBy("n5")), 3, "", 0, session.ErrLeased},
		"refreshed since":                {live(), 2, "n4", 0, session.ErrChanged},
		"refreshed since, leased":        {live(leasedBy("n5")), 2, "n4", 0, session.ErrChanged},
		"not yet there":                  {live(), 4, "n4", 0, session.ErrChanged},
		"expired":                        {live(), 3, "n4", time.Hour, session.ErrExpired},
		"expired, refreshed and leased":  {live(leasedBy("n5")), 2, "n4", time.Hour, session.ErrExpired},
		"expired for good, not yet idle": {live(maxAt(entryNow)), 3, "n4", 0, session.ErrExpired},
	} {
		if err := tt.e.JudgeLease(tt.version, tt.nonce, entryNow.Add(tt.after)); err != tt.want {
			t.Errorf("%s: %v, want %v", name, err, tt.want)
		}
	}
}

func TestJudgeCommit_F05(t *testing.T) {
	for name, tt := range map[string]struct {
		e       session.Entry
		version uint32
		nonce   string
		after   time.Duration
		want    error
	}{
		"the version is still there":         {live(), 3, "n4", 0, nil},
		"with its lease":                     {live(leasedBy("n4")), 3, "n4", 0, nil},
		"with another's lease":               {live(leasedBy("n5")), 3, "n4", 0, nil},
		"its own, reply lost":                {live(), 2, "n3", 0, nil},
		"its own, leased since":              {live(leasedBy("n5")), 2, "n3", 0, nil},
		"another's":                          {live(), 2, "n4", 0, session.ErrChanged},
		"its own nonce, two versions ago":    {live(), 1, "n3", 0, session.ErrChanged},
		"a version that is not yet there":    {live(), 4, "n4", 0, session.ErrChanged},
		"nobody's nonce and nobody's claim":  {live(func(e *session.Entry) { e.Claim = "" }), 2, "", 0, session.ErrChanged},
		"expired":                            {live(), 3, "n4", time.Hour, session.ErrExpired},
		"expired, its own":                   {live(), 2, "n3", time.Hour, session.ErrExpired},
		"expired for good, though not idle":  {live(maxAt(entryNow)), 3, "n4", 0, session.ErrExpired},
		"expired, and another's before that": {live(), 2, "n4", time.Hour, session.ErrExpired},
	} {
		if err := tt.e.JudgeCommit(tt.version, tt.nonce, entryNow.Add(tt.after)); err != tt.want {
			t.Errorf("%s: %v, want %v", name, err, tt.want)
		}
	}
}

func TestFailed(t *testing.T) {
	if live().Failed() || live(leasedBy("n4")).Failed() || !live(leasedBy(session.FailedLease)).Failed() {
		t.Error("a pause is not told from a lease")
	}
}

func TestNewestFirst(t *testing.T) {
	at := func(key string, d time.Duration) session.Entry {
		return session.Entry{Key: key, Created: entryNow.Add(d)}
	}
	all := []session.Entry{at("b", 0), at("c", time.Hour), at("a", 0), at("d", -time.Hour)}
	slices.SortFunc(all, session.NewestFirst)
	order := ""
	for _, e := range all {
		order += e.Key
	}
	if order != "cabd" {
		t.Errorf("order %s", order)
	}
}

// Callers branch on them: none is another.
func TestAnswersDiffer(t *testing.T) {
	all := []error{session.ErrUnknown, session.ErrExpired, session.ErrLeased, session.ErrChanged, session.ErrUsed, session.ErrOtherBrowser}
	for i, a := range all {
		for j, b := range all {
			if errors.Is(a, b) != (i == j) {
				t.Errorf("%v and %v", a, b)
			}
		}
	}
}
