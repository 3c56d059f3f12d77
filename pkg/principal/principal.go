// Package principal carries whom the authorizer let in from the gateway to a
// function behind it.
//
// It never decides who that is, and never reads it from a header.
package principal

import "context"

// Principal is what the authorizer says of a request's session.
type Principal struct {
	// Subject is who signed in, and Realm where: the two together name a
	// person. Subject is empty where the provider does not say who it is; then
	// nobody can tell one person from another.
	Subject string
	Realm   string
	// Provider is what the settings call the provider, such as "google".
	Provider string
	// Scope is what was granted, space-separated.
	Scope string
	// Session is a hash that names the session, for logs and counters. It
	// opens nothing.
	Session string
}

type key struct{}

// With puts p into ctx.
func With(ctx context.Context, p Principal) context.Context {
	return context.WithValue(ctx, key{}, p)
}

// From returns the request's principal; false where no authorizer stood before.
func From(ctx context.Context) (Principal, bool) {
	p, ok := ctx.Value(key{}).(Principal)
	return p, ok
}

// Context is p as the members of an authorizer's context. API Gateway passes
// them on to the function under requestContext.authorizer.lambda.
func (p Principal) Context() map[string]any {
	return map[string]any{"sub": p.Subject, "realm": p.Realm, "provider": p.Provider, "scope": p.Scope, "session": p.Session}
}

// FromContext reverses Context; false when it is not one of ours.
func FromContext(members map[string]any) (Principal, bool) {
	var p Principal
	for name, into := range map[string]*string{"sub": &p.Subject, "realm": &p.Realm, "provider": &p.Provider, "scope": &p.Scope, "session": &p.Session} {
		value, ok := members[name].(string)
		if !ok {
			return Principal{}, false
		}
		*into = value
	}
	return p, p.Session != ""
}
