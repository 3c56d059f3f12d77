package stack

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

// function is one Lambda function: a bootstrap and the places of its processes.
type function struct {
	Function
	bootstrap   string
	environment map[string]string
	arn         string
	stayDown    bool
	failures    *failures
	slots       []*slot
	turn        atomic.Uint64
}

// slot is the place of one process, which may be replaced by a new one. It
// runs one invocation at a time, as Lambda does; the next one waits.
type slot struct {
	f    *function
	name string

	busy sync.Mutex // held during an invocation

	mu     sync.Mutex // guards the rest
	now    *process
	before []*process
	closed bool
}

func newFunction(declared Function, bootstrap string, v Values, c Config) *function {
	f := &function{
		Function: declared, bootstrap: bootstrap, stayDown: c.StayDown,
		arn: "arn:aws:lambda:" + v.Region + ":" + v.Account + ":function:" + v.StackName + "-" + declared.ID,
	}
	f.environment = lambdaEnvironment(declared, filepath.Dir(bootstrap), v)
	if c.SAMLocal {
		f.environment["AWS_SAM_LOCAL"] = "true"
	}
	if c.CAFile != "" {
		f.environment["SSL_CERT_FILE"] = c.CAFile
	}
	for name, value := range declared.Environment {
		f.environment[name] = value
	}
	n := c.Processes
	if n == 0 {
		n = 2
	}
	for i := range n {
		f.slots = append(f.slots, &slot{f: f, name: declared.ID + "-" + strconv.Itoa(i)})
	}
	return f
}

// lambdaEnvironment is what Lambda itself sets for a custom runtime. The
// credentials are nobody's.
func lambdaEnvironment(f Function, dir string, v Values) map[string]string {
	return map[string]string{
		"AWS_REGION": v.Region, "AWS_DEFAULT_REGION": v.Region,
		"AWS_ACCESS_KEY_ID": AccessKeyID(f.ID), "AWS_SECRET_ACCESS_KEY": "example", "AWS_SESSION_TOKEN": "example",
		"AWS_LAMBDA_FUNCTION_NAME": v.StackName + "-" + f.ID, "AWS_LAMBDA_FUNCTION_VERSION": "$LATEST",
		"AWS_LAMBDA_FUNCTION_MEMORY_SIZE": strconv.Itoa(f.MemoryMB), "AWS_LAMBDA_INITIALIZATION_TYPE": "on-demand",
		"AWS_LAMBDA_LOG_GROUP_NAME": f.LogGroup, "AWS_LAMBDA_LOG_STREAM_NAME": "2026/11/21/[$LATEST]0123456789abcdef",
		"LAMBDA_TASK_ROOT": dir, "LAMBDA_RUNTIME_DIR": "/var/runtime", "_HANDLER": f.Handler,
		"LANG": "en_US.UTF-8", "TZ": ":UTC", "PATH": "/usr/local/bin:/usr/bin/:/bin:/opt/bin",
	}
}

// AccessKeyID is the access key that a function has, so that whoever gets its
// requests can tell whose they are: on AWS each role has credentials of its
// own, too.
func AccessKeyID(id string) string { return "ASIA" + strings.ToUpper(id) }

func (f *function) startAll() error {
	errs := make(chan error)
	for _, s := range f.slots {
		go func() {
			_, err := s.process()
			errs <- err
		}()
	}
	var failed error
	for range f.slots {
		failed = firstOf(failed, <-errs)
	}
	return failed
}

func (f *function) stopAll() {
	for _, s := range f.slots {
		s.mu.Lock()
		s.closed = true
		s.mu.Unlock()
		s.kill()
	}
}

// pick is the slot that the context names, or the next one in turn.
func (f *function) pick(ctx context.Context) *slot {
	if i, ok := ctx.Value(onProcess{}).(int); ok {
		return f.slots[i]
	}
	return f.slots[(f.turn.Add(1)-1)%uint64(len(f.slots))]
}

// process is the slot's running process; it starts one if there is none.
func (s *slot) process() (*process, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case s.closed:
		return nil, errGone
	case s.now != nil && s.now.running():
		return s.now, nil
	case s.now != nil && s.f.stayDown:
		return nil, fmt.Errorf("the process is down (%v)", s.now.cmd.ProcessState)
	case s.now != nil:
		if !s.now.wanted.Load() {
			s.f.failures.add(s.f.ID, fmt.Errorf("a process ended by itself (%v)", s.now.cmd.ProcessState))
		}
		s.before, s.now = append(s.before, s.now), nil
	}
	p, err := startProcess(s.f.bootstrap, fmt.Sprintf("%s-%d", s.name, len(s.before)), s.f.environment)
	if err != nil {
		return nil, err
	}
	s.now = p
	return p, nil
}

func (s *slot) invoke(event []byte) ([]byte, error) {
	s.busy.Lock()
	defer s.busy.Unlock()
	for {
		p, err := s.process()
		if err != nil {
			return nil, err
		}
		reply, err := p.invoke(&invocation{
			id: newID(), event: event, arn: s.f.arn,
			deadline: time.Now().Add(s.f.Timeout), done: make(chan outcome, 1),
		})
		if !errors.Is(err, errNotTaken) {
			return reply, err
		}
	}
}

func (s *slot) kill() {
	s.mu.Lock()
	p := s.now
	s.mu.Unlock()
	if p != nil {
		p.stop()
	}
}

func (s *slot) log() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	text := ""
	for _, p := range s.before {
		text += p.log()
	}
	if s.now != nil {
		text += s.now.log()
	}
	return text
}

// failures keeps what went wrong, in order.
type failures struct {
	mu    sync.Mutex
	lines []string
}

func (f *failures) add(id string, err error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.lines = append(f.lines, id+": "+err.Error())
}

func (f *failures) all() []string {
	f.mu.Lock()
	defer f.mu.Unlock()
	return append([]string(nil), f.lines...)
}
