package page

import (
	"strconv"
	"time"

	"github.com/a-h/templ"
)

// SignInView is what SignIn shows.
type SignInView struct {
	// Action is where the form is sent, a path on this host; Form is its
	// sealed part.
	Action, Form string
	// Client is who asks to sign in, by name, and Host where the browser goes
	// afterwards.
	Client, Host string
	// Name is the user name to begin with; may be empty.
	Name string
	// Problem says what was wrong with the last try; may be empty.
	Problem string
	// Wait is how long to wait before the next try; zero: not at all.
	Wait time.Duration
}

// alert is what the page says first.
func (v SignInView) alert() string {
	switch wait := Seconds(v.Wait); wait {
	case "":
		return v.Problem
	case "1":
		return "There were too many tries. Please wait a second, then try again."
	default:
		return "There were too many tries. Please wait " + wait + " seconds, then try again."
	}
}

// described ties a field to the alert, for those who do not see the page.
func (v SignInView) described() templ.Attributer {
	attrs := templ.OrderedAttributes{}
	if v.alert() != "" {
		attrs = append(attrs, templ.KeyValue[string, any]{Key: "aria-describedby", Value: "problem"})
	}
	if v.alert() != "" && v.Wait == 0 {
		attrs = append(attrs, templ.KeyValue[string, any]{Key: "aria-invalid", Value: "true"})
	}
	return attrs
}

// ApproveView is what Approve shows.
type ApproveView struct {
	// Action is where the form is sent, a path on this host; Form is its
	// sealed part.
	Action, Form string
	// Client is who asks, by name, and Host where the browser goes afterwards.
	Client, Host string
	// Account is the user's name.
	Account string
	// Scopes are what is asked for.
	Scopes []Scope
	// Lasts is how long an approval lasts at the longest.
	Lasts time.Duration
	// Remembered says that the same will not be asked again.
	Remembered bool
	// Problem says what was wrong with the last answer; may be empty.
	Problem string
}

// Scope is one permission.
type Scope struct {
	// Name is the scope token.
	Name string
	// Fixed says that it cannot be left out.
	Fixed bool
}

// scopeWords are the scopes that OpenID Connect Core §5.4 and §11 define, and
// a few that many clients use.
var scopeWords = map[string]string{
	"openid":         "Know that it is you",
	"profile":        "See your name",
	"email":          "See your e-mail address",
	"address":        "See your postal address",
	"phone":          "See your phone number",
	"offline_access": "Keep this access while you are away",
	"read":           "Read your data",
	"write":          "Change your data",
}

func (s Scope) words() string {
	if w, ok := scopeWords[s.Name]; ok {
		return w
	}
	return "Use the permission \u201c" + readable(s.Name) + "\u201d"
}

// SignOutView is what SignOut shows.
type SignOutView struct {
	// Action is where the form is sent, a path on this host; Form is its
	// sealed part.
	Action, Form string
	// Account is the user's name, Client who asks, by name; it may be empty.
	Account, Client string
}

// Words is a duration as people say it, in its largest whole unit.
func Words(d time.Duration) string {
	for _, u := range []struct {
		unit time.Duration
		name string
	}{{24 * time.Hour, "day"}, {time.Hour, "hour"}, {time.Minute, "minute"}} {
		if d >= u.unit && d%u.unit == 0 {
			return count(int64(d/u.unit), u.name)
		}
	}
	return count(int64(d/time.Second), "second")
}

func count(n int64, unit string) string {
	if n != 1 {
		unit += "s"
	}
	return strconv.FormatInt(n, 10) + " " + unit
}
