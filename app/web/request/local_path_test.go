package request

import (
	"strings"
	"testing"
)

func TestAPathLeadsToThisOriginOnly(t *testing.T) {
	t.Parallel()
	for _, path := range []string{"/", "/?buy=1", "/account", "/sales/first?x=1#y", "/invitations/Ab-_9"} {
		if !LocalPath(path) {
			t.Errorf("%q is refused", path)
		}
	}
	for _, path := range []string{
		"", "account", "//evil.example", "/\\evil.example", "\\\\evil.example", "/x//evil.example", "https://evil.example", "javascript:alert(1)", "/\t/evil.example",
		"/\r\nSet-Cookie: a=b", " /", "/a b", "/%zz", "/" + strings.Repeat("a", maxNext), "/?next=https://evil.example",
	} {
		if LocalPath(path) {
			t.Errorf("%q is taken", path)
		}
		if got := SignInPath(path); got != "/sign-in" {
			t.Errorf("%q is carried: %s", path, got)
		}
	}
	if got := SignInPath("/?buy=1"); got != "/sign-in?next=%2F%3Fbuy%3D1" {
		t.Error(got)
	}
}
