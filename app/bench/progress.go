package bench

import (
	"io"

	"github.com/schollz/progressbar/v3"
)

// bar shows where the measurement is; nil shows nothing.
type bar struct{ now *progressbar.ProgressBar }

func newBar(w io.Writer, cycles int) *bar {
	if w == nil {
		return nil
	}
	return &bar{progressbar.NewOptions(cycles,
		progressbar.OptionSetWriter(w), progressbar.OptionSetPredictTime(false), progressbar.OptionClearOnFinish(),
		progressbar.OptionSetWidth(30),
	)}
}

func (b *bar) say(what string) {
	if b != nil {
		b.now.Describe(what)
	}
}

func (b *bar) step() {
	if b != nil {
		_ = b.now.Add(1)
	}
}

func (b *bar) end() {
	if b != nil {
		_ = b.now.Finish()
	}
}
