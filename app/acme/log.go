package acme

import (
	"context"
	"log/slog"
	"maps"
	"slices"

	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
)

// quietly is a logger for CertMagic whose lines are all of level debug: this package says itself what people have to know, once and in
// sentences. What clients and authorities sent is in attributes, which the handler escapes.
func quietly(log *slog.Logger) *zap.Logger { return zap.New(core{log: log}) }

// core hands the lines of zap to slog.
type core struct {
	log    *slog.Logger
	fields []zapcore.Field
}

func (c core) Enabled(zapcore.Level) bool {
	return c.log.Enabled(context.Background(), slog.LevelDebug)
}

func (c core) With(fields []zapcore.Field) zapcore.Core {
	return core{c.log, slices.Concat(c.fields, fields)}
}

func (c core) Check(e zapcore.Entry, to *zapcore.CheckedEntry) *zapcore.CheckedEntry {
	if c.Enabled(e.Level) {
		return to.AddCore(e, c)
	}
	return to
}

func (c core) Write(e zapcore.Entry, fields []zapcore.Field) error {
	values := zapcore.NewMapObjectEncoder()
	for _, f := range slices.Concat(c.fields, fields) {
		f.AddTo(values)
	}
	attributes := []slog.Attr{slog.String("by", e.LoggerName), slog.String("as", e.Level.String())}
	for _, name := range slices.Sorted(maps.Keys(values.Fields)) {
		attributes = append(attributes, slog.Any(name, values.Fields[name]))
	}
	c.log.LogAttrs(context.Background(), slog.LevelDebug, "certificates: "+e.Message, attributes...)
	return nil
}

func (core) Sync() error { return nil }
