package peer

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"os/exec"
	"regexp"
	"runtime"
	"sync"
	"testing"
	"time"
)

// startLimit bounds how long a part may take until it answers. It is generous
// because a machine that also compiles is slow, and costs nothing when it isn't.
const startLimit = 60 * time.Second

// process is a running part. Its group is killed by stop, and by the kernel
// (on Linux) when the test binary dies.
type process struct {
	name string
	cmd  *exec.Cmd
	out  *tail
	done chan struct{} // closed once the process has been reaped
}

// launch starts argv and waits until its output matches ready, whose first
// group is returned: the address it serves. Extra settings are KEY=value.
//
// Two things end the program if the test binary is killed: on Linux a
// parent-death signal, and everywhere the end of its standard input, which our
// own programs watch.
func launch(name string, ready *regexp.Regexp, settings []string, argv ...string) (*process, string, error) {
	p := &process{name: name, cmd: exec.Command(argv[0], argv[1:]...), done: make(chan struct{})}
	p.out = &tail{ready: ready, found: make(chan string, 1)}
	p.cmd.Env = append(os.Environ(), settings...)
	p.cmd.Stdout, p.cmd.Stderr = p.out, p.out
	p.cmd.SysProcAttr = ownGroup()
	p.cmd.WaitDelay = 5 * time.Second
	stdin, err := p.cmd.StdinPipe()
	if err != nil {
		return nil, "", fmt.Errorf("peer: start %s: %w", name, err)
	}

	started := make(chan error)
	go p.run(started, stdin)
	if err := <-started; err != nil {
		return nil, "", fmt.Errorf("peer: start %s: %w", name, err)
	}

	deadline := time.NewTimer(startLimit)
	defer deadline.Stop()
	select {
	case address := <-p.out.found:
		return p, address, nil
	case <-p.done:
		return nil, "", fmt.Errorf("peer: %s ended before it was ready (%v):\n%s", name, p.cmd.ProcessState, p.out.since(0))
	case <-deadline.C:
		p.stop()
		return nil, "", fmt.Errorf("peer: %s was not ready within %v:\n%s", name, startLimit, p.out.since(0))
	}
}

// run starts the program and waits for its end on one locked thread: the
// parent-death signal is sent when the starting thread ends, not the process,
// so that thread has to live as long as the program does.
func (p *process) run(started chan<- error, stdin io.Closer) {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	err := p.cmd.Start()
	started <- err
	if err != nil {
		return
	}
	_ = p.cmd.Wait() // the state is in ProcessState; a killed part is no error
	_ = stdin.Close()
	close(p.done)
}

// stop kills the program and what it started, and returns when it is gone.
func (p *process) stop() {
	select {
	case <-p.done:
		return
	default:
	}
	killGroup(p.cmd.Process)
	<-p.done
}

// logOnFailure shows what the program prints during this test, if it fails.
func (p *process) logOnFailure(t testing.TB) {
	from := p.out.mark()
	t.Cleanup(func() {
		if t.Failed() {
			t.Logf("%s printed:\n%s", p.name, p.out.since(from))
		}
	})
}

// start is launch for one test: the program ends with the test.
func start(t testing.TB, name string, ready *regexp.Regexp, settings []string, argv ...string) (*process, string) {
	t.Helper()
	p, address, err := launch(name, ready, settings, argv...)
	if err != nil {
		t.Fatal(err)
	}
	p.logOnFailure(t)
	t.Cleanup(p.stop)
	return p, address
}

// tail keeps the last bytes that a program printed and watches for the line
// that says it is ready. It is safe for concurrent use.
type tail struct {
	ready *regexp.Regexp
	found chan string // receives one address, has room for it

	mu    sync.Mutex
	buf   []byte
	lost  int // bytes dropped from the front
	isHit bool
}

// tailBytes is how much of a program's output is kept.
const tailBytes = 64 << 10

func (o *tail) Write(b []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.buf = append(o.buf, b...)
	if !o.isHit {
		// Only whole lines count: an address cut in two would be a wrong one.
		whole := o.buf[:bytes.LastIndexByte(o.buf, '\n')+1]
		if m := o.ready.FindSubmatch(whole); m != nil {
			o.isHit = true
			o.found <- string(m[1])
		}
	}
	if drop := len(o.buf) - tailBytes; drop > 0 {
		o.buf = append(o.buf[:0], o.buf[drop:]...)
		o.lost += drop
	}
	return len(b), nil
}

// mark is the position after everything printed so far.
func (o *tail) mark() int {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.lost + len(o.buf)
}

// since is what was printed after a mark, as far as it is kept.
func (o *tail) since(mark int) string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return string(o.buf[min(max(mark-o.lost, 0), len(o.buf)):])
}
