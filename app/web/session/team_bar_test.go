package session

import "testing"

// The team's page stands on the desk: it has the desk's bar, and no link to where it is. Other pages lead those who have a role there.
func TestTheTeamStandsOnTheDesk(t *testing.T) {
	const bar, link = `class="deskbar"`, "desk-link"
	runAll(t, []scenario{
		{name: "the team", method: "GET", target: "/admin/team", fields: []string{asOda, page}, status: 200, has: []string{bar, `href="/admin/proof"`, `aria-current="page"`}, not: []string{link}},
		{name: "the account of an owner", method: "GET", target: "/account", fields: []string{asOda, page}, status: 200, has: []string{link}, not: []string{bar}},
		{name: "the account of a shopper", method: "GET", target: "/account", fields: []string{"Test-Session: ann", page}, status: 200, not: []string{bar, link}},
	})
}
