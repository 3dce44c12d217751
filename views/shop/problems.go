package shop

import "flashsale/views/layout"

// Problems is the page of all kinds of problems.
type Problems struct {
	Frame layout.Frame
	Kinds []ProblemKind
}

// ProblemKind explains a kind of problem to developers. Name is the last part of its type.
type ProblemKind struct{ Name, Status, Title, Message, Explain string }
