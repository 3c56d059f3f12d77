package doctor

import (
	"fmt"
	"time"

	"github.com/latchkey-go/latchkey/pkg/env"
	"github.com/latchkey-go/latchkey/pkg/grant"
	"github.com/latchkey-go/latchkey/pkg/provider"
	"github.com/latchkey-go/latchkey/pkg/rp"
	"github.com/latchkey-go/latchkey/pkg/session"
)

// Settings are what decides about logins besides the provider.
type Settings struct {
	// Mode is CALLBACK_MODE, and SessionGiven says that a lifetime of
	// sessions is set.
	Mode         string
	SessionGiven bool
	LoginTTL     time.Duration
	Session      session.Lifetimes
	Server       grant.Lifetimes // of the built-in server
}

// FromEnv reads the settings of both halves as the programs do; what is wrong
// is reported on e. mode is what CALLBACK_MODE is when not set.
func FromEnv(e *env.Reader, mode string) *Examination {
	return &Examination{
		Provider: provider.FromEnv(e),
		Settings: Settings{
			Mode: rp.CallbackMode(e, mode), SessionGiven: e.Given("SESSION_IDLE") || e.Given("SESSION_MAX"),
			LoginTTL: rp.LoginTTL(e), Session: session.LifetimesFromEnv(e), Server: grant.LifetimesFromEnv(e, grant.DefaultLifetimes),
		},
	}
}

// WrongSettings are the findings of a reader that has found problems, one for
// each; nil without any.
func WrongSettings(problems []env.Problem) []Finding {
	var findings []Finding
	for _, p := range problems {
		findings = append(findings, Finding{"settings", Problem, p.Name + ": " + p.What, "no program starts with it", p.Do})
	}
	return findings
}

// settings reports settings that are each right and do not go together.
func (x *Examination) settings() []Finding {
	p, s := x.Provider, x.Settings
	findings := []Finding{{ID: "settings", Level: OK, What: fmt.Sprintf("provider %s, client %s, authentication %s, scope %q, mode %s", p.Name, p.ClientID, p.Auth, p.Scope, s.Mode)}}
	warn := func(what, why, do string) {
		findings = append(findings, Finding{"lifetimes", Warning, what, why, do})
	}
	if s.Mode != rp.ModeSession {
		if s.SessionGiven && x.local() {
			warn("SESSION_IDLE or SESSION_MAX is set, and the mode is "+s.Mode, "without sessions neither has an effect", "set CALLBACK_MODE=session, or remove them")
		}
		return findings
	}
	if s.Session.Idle > s.Session.Max {
		warn(fmt.Sprintf("SESSION_IDLE, %v, is longer than SESSION_MAX, %v", s.Session.Idle, s.Session.Max), "a session ends at SESSION_MAX all the same", "make SESSION_IDLE at most as long")
	}
	if p.Name != builtin {
		return findings
	}
	if s.Server.RefreshMax < s.Session.Max {
		warn(fmt.Sprintf("REFRESH_MAX, %v, is shorter than SESSION_MAX, %v", s.Server.RefreshMax, s.Session.Max),
			"the built-in server ends the grant first, and the session ends with it", "make REFRESH_MAX at least as long, or SESSION_MAX shorter")
	}
	if s.Server.Refresh > s.Server.RefreshMax {
		warn(fmt.Sprintf("REFRESH_TTL, %v, is longer than REFRESH_MAX, %v", s.Server.Refresh, s.Server.RefreshMax), "it is cut to REFRESH_MAX", "make REFRESH_TTL at most as long")
	}
	return findings
}
