package stack_test

import (
	"bufio"
	"fmt"
	"net/http/httptest"
	"os"
	"os/exec"
	"regexp"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/latchkey-go/latchkey/e2e/stack"
)

// TestNoProcessOutlivesTheTestBinary runs this test binary a second time, has
// it start a stack with a busy process, and kills it.
func TestNoProcessOutlivesTheTestBinary(t *testing.T) {
	if os.Getenv("STACK_TEST_CHILD") == "1" {
		s := stack.Start(t, config())
		pids := ""
		for _, i := range []int{0, 1} {
			_, body := do(t, s, httptest.NewRequest("GET", s.URL()+"/echo", nil).WithContext(stack.OnProcess(t.Context(), i)))
			pids += fmt.Sprintln("pid", decode(t, body).PID)
		}
		go s.RoundTrip(httptest.NewRequest("GET", s.URL()+"/echo?do=hang", nil).WithContext(stack.OnProcess(t.Context(), 0)))
		for !strings.Contains(s.ProcessLog("Echo", 0), "hanging") {
			runtime.Gosched()
		}
		fmt.Print(pids)
		<-t.Context().Done()
		return
	}
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(self, "-test.run=^TestNoProcessOutlivesTheTestBinary$", "-test.v")
	cmd.Env = append(os.Environ(), "STACK_TEST_CHILD=1", "TMPDIR="+t.TempDir())
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	var pids []int
	for lines := bufio.NewScanner(out); len(pids) < 2 && lines.Scan(); {
		if m := regexp.MustCompile(`^pid (\d+)$`).FindStringSubmatch(lines.Text()); m != nil {
			pid, _ := strconv.Atoi(m[1])
			pids = append(pids, pid)
		}
	}
	_ = cmd.Process.Kill()
	_ = cmd.Wait()
	if len(pids) != 2 {
		t.Fatalf("the second run started %v", pids)
	}
	for end := time.Now().Add(10 * time.Second); slices.ContainsFunc(pids, alive); {
		if time.Now().After(end) {
			t.Fatalf("of %v some are still there", pids)
		}
	}
}

// alive tells whether a process runs; one that ended and was not reaped does not.
func alive(pid int) bool {
	if syscall.Kill(pid, 0) != nil {
		return false
	}
	state, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	return err != nil || !strings.Contains(string(state), ") Z ")
}
