package admin

import (
	"context"
	"net/url"
	"strconv"
	"strings"

	"flashsale/app/web/request"
	"flashsale/sale"
	views "flashsale/views/admin"
	"flashsale/views/text"
)

// textSpec are the fields with what shoppers read.
func textSpec(s request.Spec) {
	for _, field := range []sale.Field{sale.FieldDetails, sale.FieldSpecification, sale.FieldImportant} {
		s[string(field)] = request.Lines
	}
	for _, status := range sale.Statuses() {
		s[sale.TextField(status)] = request.Text
	}
}

// writtenPart reads what an amendment changes of what shoppers read.
func writtenPart(v request.Values, to *sale.Amendment) error {
	for field, into := range map[sale.Field]**[]string{sale.FieldDetails: &to.Details, sale.FieldImportant: &to.ImportantInfo} {
		written, given := v[string(field)].(string)
		if !given {
			continue
		}
		lines, err := sale.ReadLines(written)
		if err != nil {
			return request.BadField(string(field), err.Error())
		}
		*into = &lines
	}
	if written, given := v[string(sale.FieldSpecification)].(string); given {
		facts, err := sale.ReadFacts(written)
		if err != nil {
			return request.BadField(string(sale.FieldSpecification), err.Error())
		}
		to.Specification = &facts
	}
	return stateTexts(v, to)
}

func stateTexts(v request.Values, to *sale.Amendment) error {
	changed := map[sale.Status]string{}
	for _, status := range sale.Statuses() {
		written, given := v[sale.TextField(status)].(string)
		if !given {
			continue
		}
		message, err := sale.ReadMessage(written)
		if err != nil {
			return request.BadField(sale.TextField(status), err.Error())
		}
		changed[status] = message
	}
	if len(changed) > 0 {
		to.Texts = &changed
	}
	return nil
}

// limits reads what an amendment changes of how often the button may be pressed.
func limits(v request.Values, to *sale.Amendment) error {
	for field, into := range map[sale.Field]**int64{
		sale.FieldAccountRate: &to.AccountRate, sale.FieldAccountBurst: &to.AccountBurst,
		sale.FieldNetworkRate: &to.NetworkRate, sale.FieldNetworkBurst: &to.NetworkBurst,
	} {
		if _, given := v[string(field)]; !given {
			continue
		}
		n, err := v.Whole(string(field), 1, sale.MaxPressLimit, -1)
		if err != nil {
			return err
		}
		*into = &n
	}
	return nil
}

// writtenCreation puts what shoppers read into a sale that is to be made.
func writtenCreation(from *sale.Amendment, to *sale.Creation) {
	if from.Details != nil {
		to.Product.Details = *from.Details
	}
	if from.Specification != nil {
		to.Product.Specification = *from.Specification
	}
	if from.ImportantInfo != nil {
		to.Product.ImportantInfo = *from.ImportantInfo
	}
	if from.Texts != nil {
		to.Texts = to.Texts.With(*from.Texts)
	}
}

// showWritten puts what shoppers read into the values of a form.
func showWritten(s *sale.Snapshot, v url.Values) {
	if p := s.Product; p != nil {
		v.Set(string(sale.FieldDetails), strings.Join(p.Details, "\n"))
		v.Set(string(sale.FieldSpecification), sale.WriteFacts(p.Specification))
		v.Set(string(sale.FieldImportant), strings.Join(p.ImportantInfo, "\n"))
	}
	for _, status := range sale.Statuses() {
		v.Set(sale.TextField(status), s.Texts.Of(status))
	}
}

// showLimits puts how often the button may be pressed into the values of a form.
func showLimits(l sale.PressLimit, v url.Values) {
	for field, n := range map[sale.Field]int64{
		sale.FieldAccountRate: l.AccountRate, sale.FieldAccountBurst: l.AccountBurst,
		sale.FieldNetworkRate: l.NetworkRate, sale.FieldNetworkBurst: l.NetworkBurst,
	} {
		v.Set(string(field), strconv.FormatInt(n, 10))
	}
}

// writtenGroups are the fields of what shoppers read.
func writtenGroups(ctx context.Context) []views.Group {
	list := func(field sale.Field, label, hint string) views.Input {
		return views.Input{Name: string(field), Label: label, Hint: hint, Type: "area", MaxLength: strconv.Itoa(sale.MaxLines * sale.MaxLine), Optional: true}
	}
	states := views.Group{Heading: text.Say(ctx, "What shoppers read in each state"), Lead: text.Say(ctx, "One line each. Where there is none, your brand's sentence stands, or ours. A message that you send during the sale comes before them.")}
	for _, status := range sale.Statuses() {
		states.Inputs = append(states.Inputs, views.Input{
			Name: sale.TextField(status), Label: stateLabel(ctx, status), Type: "text", MaxLength: strconv.Itoa(sale.MaxMessage), Optional: true,
		})
	}
	return []views.Group{{Heading: text.Say(ctx, "About the product"), Inputs: []views.Input{
		list(sale.FieldDetails, text.Say(ctx, "Details"), text.Say(ctx, "One a line. They stand below the description.")),
		list(sale.FieldSpecification, text.Say(ctx, "Specification"), text.Say(ctx, "One a line, with a colon: Weight: 248 g")),
		list(sale.FieldImportant, text.Say(ctx, "Important information and terms"),
			text.Say(ctx, "One a line. A line that is only an address, like https://example.com/terms, becomes a link. Receipts show them as they were at the purchase.")),
	}}, states}
}

func stateLabel(ctx context.Context, status sale.Status) string {
	switch status {
	case sale.Upcoming:
		return text.Say(ctx, "Before the start")
	case sale.Active:
		return text.Say(ctx, "While it is open")
	case sale.Stopped:
		return text.Say(ctx, "While it is paused")
	case sale.SoldOut:
		return text.Say(ctx, "Once it is sold out")
	case sale.Ended:
	}
	return text.Say(ctx, "Once it has ended")
}

func limitsGroup(ctx context.Context) views.Group {
	most := strconv.Itoa(sale.MaxPressLimit)
	return views.Group{Heading: text.Say(ctx, "How often the button may be pressed"), Inputs: []views.Input{
		whole(string(sale.FieldAccountRate), text.Say(ctx, "By one account, a second"), "1", most),
		whole(string(sale.FieldAccountBurst), text.Say(ctx, "By one account, at once"), "1", most),
		whole(string(sale.FieldNetworkRate), text.Say(ctx, "From one network, a second"), "1", most),
		whole(string(sale.FieldNetworkBurst), text.Say(ctx, "From one network, at once"), "1", most),
	}}
}
