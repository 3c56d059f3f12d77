package gateway

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"runtime/debug"
	"time"

	"github.com/aws/aws-lambda-go/events"
	"github.com/aws/aws-lambda-go/lambda"
	"github.com/aws/aws-lambda-go/lambdacontext"

	"github.com/latchkey-go/latchkey/pkg/baseurl"
	"github.com/latchkey-go/latchkey/pkg/logline"
	"github.com/latchkey-go/latchkey/pkg/oauth"
	"github.com/latchkey-go/latchkey/pkg/principal"
	"github.com/latchkey-go/latchkey/pkg/secret"
)

// Authorizer says whose request r is and whether it may pass. r has no body.
// An error means that nobody knows.
type Authorizer interface {
	Authorize(r *http.Request) (principal.Principal, bool, error)
}

type (
	question = events.APIGatewayV2CustomAuthorizerV2Request
	decision = events.APIGatewayV2CustomAuthorizerSimpleResponse
)

// errUndecided is all that the runtime learns of a failure. API Gateway then
// answers 500 in the place of the function behind.
var errUndecided = errors.New("the request could not be authorized")

// The outcomes of a decision in the log; of one that failed it is the code of
// the error.
const (
	allowed = "allowed"
	denied  = "denied"
)

// StartAuthorizer serves a on Lambda, as an authorizer of payload format 2.0
// with simple responses, after the warmers. It never returns.
func (g *Gateway) StartAuthorizer(a Authorizer, warmers ...Warmer) {
	warm(warmers)
	lambda.Start(g.AuthorizerHandler(a))
}

// AuthorizerHandler returns the function that StartAuthorizer gives to the
// Lambda runtime. A request that is malformed or over the limits is denied; one
// without a known base, an error of a and a panic are all the same error. It is
// safe for concurrent use.
func (g *Gateway) AuthorizerHandler(a Authorizer) func(context.Context, question) (decision, error) {
	f := g.front(nil)
	return func(ctx context.Context, q question) (decision, error) {
		start, id := f.now(), ""
		if lc, ok := lambdacontext.FromContext(ctx); ok {
			id = lc.AwsRequestID
		}
		if id == "" {
			id = secret.Mint(128)
		}
		ctx, line := logline.With(ctx, id)
		base, wrong := g.base(&q.RequestContext)
		d := verdict{err: oauthErr(wrong)}
		if wrong == nil {
			d = decide(a, asked(baseurl.With(ctx, base), &q, base))
		}
		f.writeVerdict(ctx, &q, &d, start, id, line)
		switch {
		case d.err != nil || d.stack != nil:
			return decision{}, errUndecided
		case !d.allowed:
			return decision{}, nil
		}
		return decision{IsAuthorized: true, Context: d.who.Context()}, nil
	}
}

// oauthErr keeps a nil pointer from becoming an error that is not nil.
func oauthErr(e *oauth.Error) error {
	if e == nil {
		return nil
	}
	return e
}

// asked is the request that q is about, nil if it is not fit to be looked at.
func asked(ctx context.Context, q *question, base string) *http.Request {
	in := request(&events.APIGatewayV2HTTPRequest{
		RouteKey: q.RouteKey, RawPath: q.RawPath, RawQueryString: q.RawQueryString,
		Cookies: q.Cookies, Headers: q.Headers, RequestContext: q.RequestContext,
	})
	if in.refusal != nil {
		return nil
	}
	r := (&http.Request{
		Method: in.method, URL: in.url, RequestURI: in.url.RequestURI(),
		Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1,
		Header: in.header, Body: http.NoBody, Host: baseurl.Host(base), RemoteAddr: in.remote,
	}).WithContext(ctx)
	if admit(r) != nil {
		return nil
	}
	return r
}

// verdict is what came of a question: a principal if allowed, else a denial,
// an error, or a panic with its stack.
type verdict struct {
	who     principal.Principal
	allowed bool
	err     error
	value   any
	stack   []byte
}

// decide asks a about r. Whatever keeps a from an answer is never an allow.
func decide(a Authorizer, r *http.Request) (v verdict) {
	if r == nil {
		return verdict{}
	}
	defer func() {
		if value := recover(); value != nil {
			v = verdict{value: value, stack: debug.Stack()}
		}
	}()
	who, ok, err := a.Authorize(r)
	if err != nil || !ok {
		return verdict{err: err}
	}
	return verdict{who: who, allowed: true}
}

// outcome is how v is called in the log.
func (v *verdict) outcome() string {
	var e *oauth.Error
	switch {
	case errors.As(v.err, &e):
		return string(e.Code)
	case v.err != nil || v.stack != nil:
		return string(oauth.ServerError)
	case v.allowed:
		return allowed
	}
	return denied
}

// writeVerdict writes the log line of a decision. It takes nothing of the
// request but method and route.
func (f *front) writeVerdict(ctx context.Context, q *question, v *verdict, start time.Time, id string, line *logline.Line) {
	level, cold := slog.LevelInfo, f.warm.CompareAndSwap(false, true)
	if v.err != nil || v.stack != nil {
		level = slog.LevelError
	}
	if !f.log.Enabled(ctx, level) {
		return
	}
	end := f.now()
	attrs := []slog.Attr{
		slog.String("request_id", id),
		slog.String("method", bound(q.RequestContext.HTTP.Method, maxMethod)),
		slog.String("route", bound(pathOnly(q.RouteKey), maxPath)),
		slog.String("outcome", v.outcome()),
		slog.Int64("ms", end.Sub(start).Milliseconds()),
		slog.Bool("cold", cold),
	}
	if e := (*oauth.Error)(nil); errors.As(v.err, &e) && e.Cause != nil {
		attrs = append(attrs, slog.String("cause", bound(e.Cause.Error(), maxPanic)))
	}
	f.emit(ctx, level, "decision", end, attrs, &crash{value: v.value, stack: v.stack}, line, "")
}
