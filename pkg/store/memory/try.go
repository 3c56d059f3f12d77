package memory

import (
	"context"
	"time"
)

// TakeTry counts one try against the bucket with the key bucket, by the rule
// of user.Tries: 0 if the try may be made, else how long to wait, at most
// user.Pause.
func (s *Store) TakeTry(ctx context.Context, bucket string, limit int, now time.Time) (wait time.Duration, err error) {
	if err := s.enter(ctx, "take try"); err != nil {
		return 0, err
	}
	defer s.leave()
	tries, there := s.tries.at[bucket]
	if !there && !s.tries.room(s.Now(), s.Limit) {
		return 0, wrap("take try", errFull)
	}
	s.tries.at[bucket], wait = tries.Take(limit, now)
	return wait, nil
}

// ReturnTry gives back a try that turned out to be right. A bucket that is not
// there has nothing to give back to.
func (s *Store) ReturnTry(ctx context.Context, bucket string) error {
	if err := s.enter(ctx, "return try"); err != nil {
		return err
	}
	defer s.leave()
	if tries, there := s.tries.at[bucket]; there {
		s.tries.at[bucket] = tries.Return()
	}
	return nil
}
