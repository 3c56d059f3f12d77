package token_test

import (
	"context"
	"testing"
	"time"

	"github.com/latchkey-go/latchkey/pkg/grant"
	"github.com/latchkey-go/latchkey/pkg/token"
	"github.com/latchkey-go/latchkey/pkg/user"
)

// meeting lets a refresh go on only once the user is being read while the
// grant is being written.
type meeting struct {
	token.Users
	token.Grants
	reading, writing chan struct{}
	t                *testing.T
}

func (m *meeting) wait(other chan struct{}) {
	select {
	case <-other:
	case <-time.After(5 * time.Second):
		m.t.Error("the write and the read did not meet: one waits for the other")
	}
}

func (m *meeting) GetUserByTag(ctx context.Context, tag string) (user.User, error) {
	close(m.reading)
	m.wait(m.writing)
	return m.Users.GetUserByTag(ctx, tag)
}

func (m *meeting) Rotate(ctx context.Context, key string, o grant.Rotation) (grant.Record, error) {
	close(m.writing)
	m.wait(m.reading)
	return m.Grants.Rotate(ctx, key, o)
}

// A refresh costs one write and, at the same time, one read.
func TestRefreshReadsTheUserMeanwhile(t *testing.T) {
	w := newWorld(t)
	a, _ := w.tokens("app")
	m := &meeting{Users: w.endpoint.Users, Grants: w.endpoint.Grants, reading: make(chan struct{}), writing: make(chan struct{}), t: t}
	w.endpoint.Users, w.endpoint.Grants = m, m
	w.serve()
	w.refreshed("app", a.text("refresh_token"))
}
