package layout

// Assets are the addresses of what every page loads.
type Assets struct {
	Style, Script, HTMX, HTMXStream, Icon string
	// Acts is the script of operators' forms, for pages that have them.
	Acts string
}

// Problem is a page or a fragment that says why a request was not answered.
type Problem struct {
	Status        int
	Title, Detail string
}
