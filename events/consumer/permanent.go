package consumer

import (
	"strings"

	"flashsale/events"
)

// permanent is true for errors that the same claim meets again at every try: bad data (class 22) and violated
// constraints (class 23).
func permanent(err error) bool {
	state := events.SQLState(err)
	return strings.HasPrefix(state, "22") || strings.HasPrefix(state, "23")
}
