// Package server is what every connection passes before it reaches a handler: listeners, the limit of connections, the
// timeouts of HTTP, and the limits of the Go runtime. It knows nothing of the product, so every number in it is about
// machines and clients, not about sales.
package server

import (
	"net/http"
	"time"
)

// HTTP is an http.Server with the timeouts and limits that the public and the operators' listeners need. It has no
// WriteTimeout, because that ends streams: the handlers set a deadline for each answer, and the connections of a
// Limiter bound the writes of those that set none. Over TLS it also speaks HTTP/2.
func HTTP(h http.Handler) *http.Server {
	return &http.Server{
		Handler:           h,
		ReadHeaderTimeout: 5 * time.Second,
		ReadTimeout:       10 * time.Second,
		IdleTimeout:       2 * time.Minute,
		MaxHeaderBytes:    16 << 10,
		HTTP2: &http.HTTP2Config{
			MaxConcurrentStreams: 100, // a page has one live stream and a few requests; a proxy opens further connections
			SendPingTimeout:      30 * time.Second,
			PingTimeout:          15 * time.Second,
		},
	}
}
