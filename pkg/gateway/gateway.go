// Package gateway stands between the outside and an http.Handler: it turns
// API Gateway events (payload format 2.0) into requests and back, puts the
// public base URL, a request id and whom an authorizer let in into the context,
// sets the headers of every response, bounds what a request may carry,
// survives panics and writes one log line per request. A process that listens
// itself gets the same from Wrap, and an authorizer from StartAuthorizer.
//
// It never knows OAuth, and never learns the base URL from a header that a
// client can write.
package gateway

import (
	"context"
	"log/slog"
	"net/http"
	"os"
	"sync/atomic"
	"time"

	"github.com/aws/aws-lambda-go/events"
	"github.com/aws/aws-lambda-go/lambda"

	"github.com/latchkey-go/latchkey/pkg/baseurl"
	"github.com/latchkey-go/latchkey/pkg/env"
)

// Gateway holds the settings. Fill it, then call Start, Handler or Wrap; later
// changes have no effect. The zero value works behind an execute-api domain,
// given a Region.
type Gateway struct {
	// BaseURL is the public base URL, a result of baseurl.Parse. Empty: taken
	// from each event, which works on the API's own execute-api domain and
	// stage $default only. Wrap needs it.
	BaseURL string
	// SetHost makes Wrap replace r.Host by the host of BaseURL, as it must be
	// behind a proxy. Without it a handler sees which of the machine's names
	// the client used. Events always get the host of the base.
	SetHost bool
	// Region is the AWS region that an execute-api domain must name.
	Region string
	// Function is the Lambda function's name for the log line; may be empty.
	Function string
	// Logger writes the log lines. Default: JSON on standard error, level
	// info.
	Logger *slog.Logger
	// Now is the clock. Default: time.Now.
	Now func() time.Time

	warm atomic.Bool // a request has been served
}

// FromEnv reads PUBLIC_BASE_URL (or its older name BASE_URL), AWS_REGION, AWS_LAMBDA_FUNCTION_NAME and
// LOG_LEVEL (debug, info, warn or error; a request is logged at info, at error
// when it ended in a 5xx). An explicit base URL turns SetHost on.
func FromEnv(e *env.Reader) *Gateway {
	e.Alias("PUBLIC_BASE_URL", "BASE_URL")
	base := e.BaseURL("PUBLIC_BASE_URL")
	var level slog.Level
	// The choices are spellings of slog's own levels, so this cannot fail.
	_ = level.UnmarshalText([]byte(e.OneOf("LOG_LEVEL", "info", "debug", "info", "warn", "error")))
	return &Gateway{
		BaseURL:  base,
		SetHost:  base != "",
		Region:   e.String("AWS_REGION"),
		Function: e.String("AWS_LAMBDA_FUNCTION_NAME"),
		Logger:   slog.New(slog.NewJSONHandler(os.Stderr, &slog.HandlerOptions{Level: level})),
	}
}

// Start serves h on Lambda, after the warmers. It never returns.
func (g *Gateway) Start(h http.Handler, warmers ...Warmer) {
	warm(warmers)
	lambda.Start(g.Handler(h))
}

// Handler returns the function that Start gives to the Lambda runtime. Its
// error is always nil: an error would be the runtime's to print and the
// gateway's to answer. It is safe for concurrent use.
func (g *Gateway) Handler(h http.Handler) func(context.Context, events.APIGatewayV2HTTPRequest) (events.APIGatewayV2HTTPResponse, error) {
	// The adapter would make every URL from this variable.
	_ = os.Unsetenv("GO_API_HOST")
	f := g.front(h)
	return func(ctx context.Context, e events.APIGatewayV2HTTPRequest) (events.APIGatewayV2HTTPResponse, error) {
		base, refusal := g.base(&e.RequestContext)
		return f.invoke(ctx, &e, base, refusal), nil
	}
}

// Wrap gives h the same treatment in a process that listens itself. It panics
// without a BaseURL.
func (g *Gateway) Wrap(h http.Handler) http.Handler {
	if g.BaseURL == "" {
		panic("gateway: Wrap needs a BaseURL")
	}
	f, base, host := g.front(h), g.BaseURL, ""
	if g.SetHost {
		host = baseurl.Host(base)
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		f.serve(w, r, arrival{base: base, host: host})
	})
}

// front resolves the settings once, so that a request pays only for itself.
func (g *Gateway) front(h http.Handler) *front {
	f := &front{next: h, now: g.Now, warm: &g.warm}
	logger := g.Logger
	if logger == nil {
		logger = slog.New(slog.NewJSONHandler(os.Stderr, nil))
	}
	if f.now == nil {
		f.now = time.Now
	}
	f.log = logger.Handler()
	if g.Function != "" {
		f.log = f.log.WithAttrs([]slog.Attr{slog.String("function", g.Function)})
	}
	return f
}
