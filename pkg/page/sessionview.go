package page

import "time"

// SessionView is what Session shows.
type SessionView struct {
	// Account is what to call the person: a name, an e-mail address or the
	// subject; may be empty.
	Account string
	// Email, Subject and Provider say more; Email and Subject may be empty.
	Email, Subject, Provider string
	// Scopes are what was granted.
	Scopes []string
	// TokenEnds is how long the access token lasts, zero when it has expired,
	// and SessionEnds how long the session does if nothing happens in it.
	TokenEnds, SessionEnds time.Duration
	// Others are the person's other sessions, newest first.
	Others []OtherSession
	// Action is where the form is sent, a path on this host; Form is its
	// sealed part.
	Action, Form string
}

// OtherSession is a session of the same person in another browser.
type OtherSession struct {
	// Handle names it in the form.
	Handle string
	// Created and LastSeen are when it began and when it was last used, which
	// is known to an hour or so.
	Created, LastSeen time.Time
}

// LogoutView is what Logout shows.
type LogoutView struct {
	// Action is where the form is sent, a path on this host; Form is its
	// sealed part.
	Action, Form string
	// Account is what to call the person; may be empty.
	Account string
	// Provider is who may ask as well: the person stays signed in there, or
	// is led there to sign out too. Empty when this server is its own.
	Provider string
}

// FrontView is what Front shows: a way in for who is signed out, and who it is
// for who is signed in.
type FrontView struct {
	// SignedIn says that there is a session, and Account what to call the
	// person; Account may be empty.
	SignedIn bool
	Account  string
	// Provider is the provider's name for people, such as "Google"; empty when
	// this server is its own.
	Provider string
	// LoginURL is where the button leads, a path on this host: /login.
	LoginURL string
	// Setup is for the developer who has just started a server; nil elsewhere.
	Setup *Setup
	// Steps are what happened in the last login, if that is to be shown.
	Steps []Step
}

// Setup is what a developer wants to know about a server.
type Setup struct {
	// Demo says that the user is the one in the documentation. That is shown
	// where the built-in server is who signs in.
	Demo bool
	// RedirectURI is the exact one to register with the provider.
	RedirectURI string
	// Mode is the setting CALLBACK_MODE: "json" or "session".
	Mode string
}

// Step is one thing that happened in a login. It holds no secret: values that
// are secret are described.
type Step struct {
	// At is when it happened, counted from the beginning of the login, and
	// Took how long, zero for at once.
	At, Took time.Duration
	// Title says what happened, Facts what was sent and what was checked.
	Title string
	Facts []string
	// Failed says that the login ended here.
	Failed bool
}
