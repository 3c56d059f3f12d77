package main

import (
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"os/exec"
	"sync"
	"time"
)

// function is a Lambda function at work, with a Runtime API of its own.
type function struct {
	cmd    *exec.Cmd
	api    *http.Server
	polled chan struct{} // closed when it has asked for its first event
	once   sync.Once
	work   chan []byte
	reply  chan []byte
}

// launch starts a function, with these settings besides those of Lambda.
func launch(program string, settings ...string) *function {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	check(err)
	f := &function{cmd: exec.Command(program), polled: make(chan struct{}), work: make(chan []byte), reply: make(chan []byte)}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /2018-06-01/runtime/invocation/next", f.next)
	mux.HandleFunc("POST /2018-06-01/runtime/invocation/1/response", f.done)
	f.api = &http.Server{Handler: mux}
	go func() { _ = f.api.Serve(l) }()
	f.cmd.Env = append([]string{
		"AWS_LAMBDA_RUNTIME_API=" + l.Addr().String(), "AWS_REGION=eu-central-1", "AWS_ACCESS_KEY_ID=x", "AWS_SECRET_ACCESS_KEY=x",
	}, settings...)
	f.cmd.Stderr = nil // where the log lines go
	check(f.cmd.Start())
	return f
}

func (f *function) stop() {
	end(f.cmd)
	_ = f.api.Close()
}

func (f *function) next(w http.ResponseWriter, r *http.Request) {
	f.once.Do(func() { close(f.polled) })
	select {
	case <-r.Context().Done():
	case event := <-f.work:
		w.Header().Set("Lambda-Runtime-Aws-Request-Id", "1")
		w.Header().Set("Lambda-Runtime-Deadline-Ms", fmt.Sprint(time.Now().Add(10*time.Second).UnixMilli()))
		w.Header().Set("Lambda-Runtime-Invoked-Function-Arn", "arn:aws:lambda:eu-central-1:123456789012:function:bench")
		_, _ = w.Write(event)
	}
}

func (f *function) done(w http.ResponseWriter, r *http.Request) {
	reply, err := io.ReadAll(r.Body)
	check(err)
	w.WriteHeader(http.StatusAccepted)
	f.reply <- reply
}

// ask hands over an event and returns how long the answer took, and the answer.
func (f *function) ask(event []byte) (took time.Duration, answer string) {
	began := time.Now()
	f.work <- event
	select {
	case reply := <-f.reply:
		return time.Since(began), string(reply)
	case <-time.After(20 * time.Second):
		log.Fatalf("%s does not answer", f.cmd.Path)
		return 0, ""
	}
}
