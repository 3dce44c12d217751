package web

import (
	"net/http"
	"slices"
	"strings"
)

// allowed are the methods a path takes, for the Allow field.
func (s *Server) allowed(path string) string {
	methods := []string{http.MethodOptions}
	for _, r := range s.echo.Routes() {
		if r.Path == path && !slices.Contains(methods, r.Method) {
			methods = append(methods, r.Method)
		}
	}
	slices.Sort(methods)
	return strings.Join(methods, ", ")
}
