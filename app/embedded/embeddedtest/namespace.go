package embeddedtest

import (
	"context"
	"strings"
	"testing"
)

// Namespace is a new name for each call: for Redis keys and channels, topics and groups. What is left under it on a
// real Redis or Kafka is removed at the end of the test; embedded servers go as a whole.
func Namespace(t testing.TB) string {
	t.Helper()
	namespace := random()
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), patience)
		defer cancel()
		if url := servers.redis.real(); url != "" {
			if err := deleteKeys(ctx, url, namespace); err != nil {
				t.Logf("keys of %s are left over: %v", namespace, err)
			}
		}
		if list := servers.kafka.real(); list != "" {
			if err := deleteTopics(ctx, strings.Split(list, ","), namespace); err != nil {
				t.Logf("topics of %s are left over: %v", namespace, err)
			}
		}
	})
	return namespace
}
