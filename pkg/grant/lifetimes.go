package grant

import (
	"fmt"
	"time"

	"github.com/latchkey-go/latchkey/pkg/env"
)

// Lifetimes are how long what is issued lasts, in whole seconds.
type Lifetimes struct {
	// Code is how long a code can be redeemed (RFC 6749 §4.1.2 asks for at
	// most ten minutes), Access how long an access token lasts.
	Code, Access time.Duration
	// Refresh is how long a refresh token can stay unused; each rotation
	// starts it anew. RefreshMax ends the grant whatever happens.
	Refresh, RefreshMax time.Duration
	// RefreshGrace is how long the predecessor of the newest refresh token
	// gets the same successor again. Zero: not at all.
	RefreshGrace time.Duration
	// FirstPartyRefresh is the least Refresh of the stack's own client, whose
	// sessions can be idle for so long.
	FirstPartyRefresh time.Duration
}

// DefaultLifetimes are those of a deployment that sets nothing.
var DefaultLifetimes = Lifetimes{
	Code: time.Minute, Access: 5 * time.Minute, Refresh: 24 * time.Hour, RefreshGrace: time.Minute,
	RefreshMax: 30 * 24 * time.Hour, FirstPartyRefresh: 24 * time.Hour,
}

// DemoLifetimes are those of the demo that "latchkey serve" starts with.
var DemoLifetimes = Lifetimes{
	Code: 5 * time.Minute, Access: 5 * time.Minute, Refresh: 15 * time.Minute, RefreshGrace: time.Minute,
	RefreshMax: 30 * 24 * time.Hour, FirstPartyRefresh: 24 * time.Hour,
}

// LifetimesFromEnv reads CODE_TTL, ACCESS_TTL, REFRESH_TTL, REFRESH_GRACE,
// REFRESH_MAX and SESSION_IDLE; what is not set stays as in def.
func LifetimesFromEnv(e *env.Reader, def Lifetimes) Lifetimes {
	const year = 365 * 24 * time.Hour
	l := Lifetimes{
		Code:              e.Duration("CODE_TTL", def.Code, time.Second, 10*time.Minute),
		Access:            e.Duration("ACCESS_TTL", def.Access, time.Second, 24*time.Hour),
		Refresh:           e.Duration("REFRESH_TTL", def.Refresh, time.Second, year),
		RefreshGrace:      e.Duration("REFRESH_GRACE", def.RefreshGrace, 0, 10*time.Minute),
		RefreshMax:        e.Duration("REFRESH_MAX", def.RefreshMax, time.Second, year),
		FirstPartyRefresh: e.Duration("SESSION_IDLE", def.FirstPartyRefresh, time.Second, year),
	}
	if l.Refresh > l.RefreshMax && e.Given("REFRESH_TTL") && e.Given("REFRESH_MAX") {
		e.Report("REFRESH_TTL", fmt.Sprintf("%v is longer than REFRESH_MAX, %v", l.Refresh, l.RefreshMax), "make it at most as long")
	}
	return l
}
