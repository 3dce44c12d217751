package combine_test

import (
	"context"
	"runtime"
	"strconv"
	"testing"

	"flashsale/app/combine"
)

// The cost of combining alone: the run does nothing but answer.
func BenchmarkCombiner(b *testing.B) {
	for _, callers := range []int{1, 64, 256} {
		b.Run("callers="+strconv.Itoa(callers), func(b *testing.B) {
			answers := make([]int, 256)
			c := combine.New(func(_ context.Context, batch []int) ([]int, error) {
				runtime.Gosched()
				return answers[:len(batch)], nil
			}, combine.Options{})
			defer c.Close()
			ctx, cancel := context.WithCancel(context.Background())
			defer cancel()
			b.SetParallelism(max(1, callers/runtime.GOMAXPROCS(0)))
			b.ReportAllocs()
			b.ResetTimer()
			b.RunParallel(func(pb *testing.PB) {
				for pb.Next() {
					if _, err := c.Do(ctx, 1); err != nil {
						b.Error(err)
						return
					}
				}
			})
		})
	}
}

func BenchmarkGroup(b *testing.B) {
	answers := make([]int, 256)
	g := combine.NewGroup(func(_ context.Context, _ int64, batch []int) ([]int, error) {
		runtime.Gosched()
		return answers[:len(batch)], nil
	}, combine.Options{})
	defer g.Close()
	b.SetParallelism(128)
	b.ReportAllocs()
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			if _, err := g.Do(context.Background(), 7, 1); err != nil {
				b.Error(err)
				return
			}
		}
	})
}
