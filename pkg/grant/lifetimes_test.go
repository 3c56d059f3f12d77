package grant_test

import (
	"strings"
	"testing"
	"time"

	"github.com/latchkey-go/latchkey/pkg/env"
	"github.com/latchkey-go/latchkey/pkg/grant"
)

func TestLifetimesFromEnv(t *testing.T) {
	if got := grant.LifetimesFromEnv(&env.Reader{Environ: []string{}}, grant.DemoLifetimes); got != grant.DemoLifetimes {
		t.Errorf("nothing set: %+v", got)
	}
	// RFC 6749 §4.1.2 and RFC 9700: a code is short-lived.
	if d := grant.DefaultLifetimes; d.Code != time.Minute || d.Access != 5*time.Minute || d.RefreshGrace != time.Minute || d.RefreshMax != 720*time.Hour {
		t.Errorf("defaults: %+v", d)
	}
	e := &env.Reader{Environ: []string{"CODE_TTL=1s", "ACCESS_TTL=2s", "REFRESH_TTL=3s", "REFRESH_GRACE=0s", "REFRESH_MAX=4s", "SESSION_IDLE=5s"}}
	want := grant.Lifetimes{Code: time.Second, Access: 2 * time.Second, Refresh: 3 * time.Second, RefreshMax: 4 * time.Second, FirstPartyRefresh: 5 * time.Second}
	if got := grant.LifetimesFromEnv(e, grant.DefaultLifetimes); got != want || e.Err() != nil {
		t.Errorf("%+v, %v", got, e.Err())
	}
	for setting, says := range map[string]string{
		"CODE_TTL=0s": "CODE_TTL", "CODE_TTL=11m": "CODE_TTL", "ACCESS_TTL=25h": "ACCESS_TTL", "REFRESH_TTL=x": "REFRESH_TTL", "REFRESH_GRACE=-1s": "REFRESH_GRACE",
		"REFRESH_GRACE=11m": "REFRESH_GRACE", "REFRESH_MAX=0": "REFRESH_MAX", "ACCESS_TTL=1500ms": "ACCESS_TTL", "SESSION_IDLE=soon": "SESSION_IDLE",
	} {
		e := &env.Reader{Environ: []string{setting}}
		grant.LifetimesFromEnv(e, grant.DefaultLifetimes)
		if err := e.Err(); err == nil || !strings.Contains(err.Error(), says) {
			t.Errorf("%s: %v", setting, err)
		}
	}
	e = &env.Reader{Environ: []string{"REFRESH_TTL=2h", "REFRESH_MAX=1h"}}
	grant.LifetimesFromEnv(e, grant.DefaultLifetimes)
	if err := e.Err(); err == nil || !strings.Contains(err.Error(), "longer than REFRESH_MAX") {
		t.Errorf("refresh longer than its end: %v", err)
	}
}
