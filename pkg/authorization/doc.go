// Package authorization is the authorization endpoint: it checks a request,
// signs the user in, asks for approval and sends the browser back.
//
// It never issues a token, and never redirects to a URI that has not matched a
// registered one.
package authorization
