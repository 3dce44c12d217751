package request

import (
	"net/url"
	"strings"
)

// maxNext bounds a path that is carried through the sign-in, in bytes.
const maxNext = 512

// LocalPath reports whether a path of a request leads to this origin. It is carried through the sign-in and then goes into a
// Location field, so nothing may be in it that a browser could read as another host: no scheme, no //, no \, no blank and no control.
func LocalPath(path string) bool {
	if len(path) > maxNext || !strings.HasPrefix(path, "/") || strings.Contains(path, "//") || strings.Contains(path, `\`) {
		return false
	}
	for i := range len(path) {
		if path[i] <= ' ' || path[i] == 0x7f {
			return false
		}
	}
	u, err := url.Parse(path)
	return err == nil && u.Scheme == "" && u.Host == ""
}

// SignInPath is the address of the sign-in that leads back to a path. A path that leads elsewhere is left out.
func SignInPath(next string) string {
	if !LocalPath(next) || next == "/" {
		return "/sign-in"
	}
	return "/sign-in?" + url.Values{"next": {next}}.Encode()
}
