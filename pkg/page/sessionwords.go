package page

import (
	"strconv"
	"time"
)

// sessionEnds says when the session does.
func (v SessionView) sessionEnds() string {
	if v.SessionEnds <= 0 {
		return "now"
	}
	return "in " + Words(about(v.SessionEnds)) + ", if nothing happens until then"
}

// tokenEnds says when the access token does.
func (v SessionView) tokenEnds() string {
	if v.TokenEnds <= 0 {
		return "over"
	}
	return "in " + Words(about(v.TokenEnds))
}

// ends is TokenEnds for the script: at least a second, after which it asks for
// a new one.
func (v SessionView) ends() string {
	return strconv.FormatInt(max(1, int64(v.TokenEnds/time.Second)), 10)
}

// about rounds d as people do: to days from two days on, to hours from two
// hours on, to minutes from two minutes on, else to seconds.
func about(d time.Duration) time.Duration {
	for _, unit := range []time.Duration{24 * time.Hour, time.Hour, time.Minute} {
		if d >= 2*unit {
			return d.Round(unit)
		}
	}
	return d.Round(time.Second)
}

// id names an entry in the list of sessions, on the page only.
func (OtherSession) id(i int) string { return "session-" + strconv.Itoa(i+1) }

// stamp and moment are a time for programs and for people.
func stamp(t time.Time) string  { return t.UTC().Format(time.RFC3339) }
func moment(t time.Time) string { return t.UTC().Format("2 January 2006, 15:04 UTC") }

// title is the heading of the front page.
func (v FrontView) title() string {
	switch {
	case v.SignedIn:
		return "Welcome back"
	case v.Setup != nil:
		return "Latchkey is ready"
	}
	return "Sign in"
}

// invitation is what the front page says first to who is signed out.
func (v FrontView) invitation() string {
	switch {
	case v.Setup == nil:
		return "You are not signed in with this browser."
	case v.Provider == "":
		return "Sign in to see the whole round trip. This server is its own provider: it signs you in, asks for your approval and gives the tokens."
	}
	return "Sign in to see the whole round trip: to " + readable(v.Provider) + " and back to this server."
}

// when says when a step happened and how long it took.
func (s Step) when() string {
	at := "at the start"
	if s.At > 0 {
		at = "after " + brief(s.At)
	}
	if s.Took > 0 {
		at += ", took " + brief(s.Took)
	}
	return at
}

// brief is a duration with the digits that matter in a login.
func brief(d time.Duration) string {
	switch {
	case d < time.Millisecond:
		return "less than 1 ms"
	case d < time.Second:
		return strconv.FormatInt(d.Milliseconds(), 10) + " ms"
	case d < time.Minute:
		return strconv.FormatFloat(d.Seconds(), 'f', 1, 64) + " s"
	}
	return Words(about(d))
}
