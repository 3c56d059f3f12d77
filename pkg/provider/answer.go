package provider

import "strconv"

// Answer is the cause of an exchange or a refresh that the provider answered,
// but not with a usable token.
type Answer struct {
	// Status is the HTTP status.
	Status int
	// Code is the provider's error code (RFC 6749 §5.2), empty if it sent none
	// that is clean.
	Code string
	// Problem says what is wrong with an answer that has no code.
	Problem string

	refused bool // a refresh: the provider ended the grant
}

// Is makes the refusal of a refresh token be ErrRefreshRefused.
func (a *Answer) Is(target error) bool { return a.refused && target == ErrRefreshRefused }

// Error implements error. It has nothing else of the provider's text in it.
func (a *Answer) Error() string {
	said := a.Code
	if said == "" {
		said = a.Problem
	}
	return "token endpoint answered " + strconv.Itoa(a.Status) + " " + said
}
