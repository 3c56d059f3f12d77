package main

import (
	"syscall"
	"time"
	"unsafe"
)

// cpuOf is the processor time that a process has used so far, user and
// system, all threads, to the nanosecond: the clock of clock_getcpuclockid(3).
func cpuOf(pid int) time.Duration {
	const scheduled = 2 // CPUCLOCK_SCHED
	var t syscall.Timespec
	clock := uintptr(^pid<<3 | scheduled)
	if _, _, errno := syscall.RawSyscall(syscall.SYS_CLOCK_GETTIME, clock, uintptr(unsafe.Pointer(&t)), 0); errno != 0 {
		check(errno)
	}
	return time.Duration(t.Nano())
}
