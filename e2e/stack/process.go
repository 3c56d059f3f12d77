package stack

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"sync/atomic"
	"syscall"
	"time"
)

// initLimit is how long Lambda waits for a process to ask for its first event.
const initLimit = 10 * time.Second

var (
	// errGone is the outcome of an invocation whose process ended under it.
	errGone = errors.New("the process ended during the invocation")
	// errNotTaken means that the process ended before it saw the invocation.
	errNotTaken = errors.New("the process ended before the invocation")
)

// process is one running bootstrap with a Runtime API of its own.
type process struct {
	api      *runtimeAPI
	cmd      *exec.Cmd
	out, err string        // files of standard output and standard error
	gone     chan struct{} // closed once the process has been reaped
	wanted   atomic.Bool   // the end was asked for
}

// startProcess runs a bootstrap and waits until its init is over. Output goes
// straight to files: what a process wrote before its reply is there when the
// reply is.
func startProcess(bootstrap, name string, environment map[string]string) (*process, error) {
	api, err := newRuntimeAPI()
	if err != nil {
		return nil, err
	}
	dir := filepath.Dir(bootstrap)
	p := &process{
		api: api, gone: make(chan struct{}), cmd: exec.Command(bootstrap),
		out: filepath.Join(dir, name+".out"), err: filepath.Join(dir, name+".err"),
	}
	p.cmd.Dir = dir
	p.cmd.SysProcAttr = withParent()
	for key, value := range environment {
		p.cmd.Env = append(p.cmd.Env, key+"="+value)
	}
	p.cmd.Env = append(p.cmd.Env, "AWS_LAMBDA_RUNTIME_API="+api.address())
	slices.Sort(p.cmd.Env)
	started := make(chan error)
	go p.run(started)
	if err := <-started; err != nil {
		api.close()
		return nil, fmt.Errorf("stack: start %s: %w", name, err)
	}
	return p, p.awaitInit(name)
}

func (p *process) awaitInit(name string) error {
	limit := time.NewTimer(initLimit)
	defer limit.Stop()
	why := fmt.Sprintf("asked for no event within %v", initLimit)
	select {
	case <-p.api.ready:
		return nil
	case <-p.gone:
		why = fmt.Sprintf("ended during init (%v)", p.cmd.ProcessState)
	case <-limit.C:
	}
	p.stop()
	p.api.mu.Lock()
	defer p.api.mu.Unlock()
	return fmt.Errorf("stack: %s %s%s\n%s", name, why, p.api.initError, p.log())
}

// run starts the program and waits for its end on one locked thread: the
// signal of withParent is tied to the thread that started the program.
func (p *process) run(started chan<- error) {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	err := p.start()
	started <- err
	if err != nil {
		return
	}
	_ = p.cmd.Wait() // the state is in ProcessState
	p.api.close()
	close(p.gone)
}

func (p *process) start() error {
	out, err := os.Create(p.out)
	if err != nil {
		return err
	}
	defer out.Close()
	errs, err := os.Create(p.err)
	if err != nil {
		return err
	}
	defer errs.Close()
	p.cmd.Stdout, p.cmd.Stderr = out, errs
	// A child that another goroutine forks while the bootstrap was being
	// written may hold it open for a moment (golang.org/issue/22315).
	for range 50 {
		err = p.cmd.Start()
		if !errors.Is(err, syscall.ETXTBSY) {
			break
		}
		again := exec.Command(p.cmd.Path)
		again.Dir, again.Env, again.SysProcAttr = p.cmd.Dir, p.cmd.Env, p.cmd.SysProcAttr
		again.Stdout, again.Stderr = out, errs
		p.cmd = again
		runtime.Gosched()
	}
	return err
}

// stop ends the process and returns when it is gone.
func (p *process) stop() {
	p.wanted.Store(true)
	_ = p.cmd.Process.Kill()
	<-p.gone
}

func (p *process) running() bool {
	select {
	case <-p.gone:
		return false
	default:
		return true
	}
}

// invoke runs one event through the process. A process that is still at it
// when the deadline comes is ended, as Lambda does.
func (p *process) invoke(inv *invocation) ([]byte, error) {
	ctx, cancel := context.WithDeadline(context.Background(), inv.deadline)
	defer cancel()
	err := p.api.give(ctx, inv, p.gone)
	if err == nil {
		select {
		case o := <-inv.done:
			return o.reply, o.err
		case <-ctx.Done():
			err = ctx.Err()
		case <-p.gone:
			select {
			case o := <-inv.done: // it replied, then ended
				return o.reply, o.err
			default:
				err = errGone
			}
		}
	}
	if errors.Is(err, context.DeadlineExceeded) {
		p.stop()
		return nil, fmt.Errorf("the function timed out: %w", err)
	}
	return nil, err
}

// log is what the process wrote so far, standard output first.
func (p *process) log() string {
	out, _ := os.ReadFile(p.out)
	errs, _ := os.ReadFile(p.err)
	return string(out) + string(errs)
}
