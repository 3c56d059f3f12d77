package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"syscall"
	"time"
)

// period is that of a processor's limit; Lambda's own is about as long.
const period = 20 * time.Millisecond

// limiter returns a way to give a process its share of a processor, and what
// that way is: the kernel's own, where this user may use it, else the process is
// stopped for the rest of each period.
func limiter() (limit func(pid int) (lift func()), how string) {
	part := share * float64(period)
	quota := time.Duration(part).Truncate(time.Microsecond)
	for _, version := range []struct{ at, name, file, value, period string }{
		{"/sys/fs/cgroup/cpu", "cgroup v1", "cpu.cfs_quota_us", fmt.Sprint(quota.Microseconds()), fmt.Sprint(period.Microseconds())},
		{"/sys/fs/cgroup", "cgroup v2", "cpu.max", fmt.Sprintf("%d %d", quota.Microseconds(), period.Microseconds()), ""},
	} {
		group := filepath.Join(version.at, "latchkey-bench-"+strconv.Itoa(os.Getpid()))
		write := func(file, value string) error { return os.WriteFile(filepath.Join(group, file), []byte(value), 0o600) }
		make := func() error {
			err := os.Mkdir(group, 0o755)
			if err == nil {
				_, err = os.Stat(filepath.Join(group, "cgroup.procs")) // the kernel's own file
			}
			if err == nil && version.period != "" {
				err = write("cpu.cfs_period_us", version.period)
			}
			if err == nil {
				err = write(version.file, version.value)
			}
			return err
		}
		err := make()
		_ = os.Remove(group)
		if err != nil {
			continue
		}
		return func(pid int) func() {
			check(make())
			check(write("cgroup.procs", strconv.Itoa(pid)))
			return func() {
				check(os.WriteFile(filepath.Join(version.at, "cgroup.procs"), []byte(strconv.Itoa(pid)), 0o600))
				check(os.Remove(group))
			}
		}, version.name
	}
	return func(pid int) func() { return duty(pid, quota) }, "stopped and continued"
}

// duty lets a process run for a part of each period.
func duty(pid int, run time.Duration) (lift func()) {
	over, done := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(done)
		for {
			_ = syscall.Kill(pid, syscall.SIGCONT)
			select {
			case <-time.After(run):
			case <-over:
				return
			}
			_ = syscall.Kill(pid, syscall.SIGSTOP)
			select {
			case <-time.After(period - run):
			case <-over:
				_ = syscall.Kill(pid, syscall.SIGCONT)
				return
			}
		}
	}()
	return func() { close(over); <-done }
}
