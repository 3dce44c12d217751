package limits

import "time"

// Policy names a row of the table of limits. Each route names the one that it is under.
type Policy string

// The policies. Policies has their budgets.
const (
	SignIn       Policy = "sign-in"
	SignUp       Policy = "sign-up"
	Code         Policy = "code"
	CodeVerify   Policy = "code-verify"
	SecondFactor Policy = "second-factor"
	Token        Policy = "token"
	Claims       Policy = "claims"
	Export       Policy = "export"
	API          Policy = "api"
	Receipts     Policy = "receipts"
	// Purchase is counted in memory by Presses, and its budgets are those of the sale.
	Purchase Policy = "purchase"
)

// By says who shares a budget.
type By string

// A network is an IPv4 address, or the /64 of an IPv6 address. A site is the /48 around that: what a provider gives to one
// customer, who can ask from 65,536 networks of it. IPv4 has no sites.
const (
	// ByAccountNetwork is one account, asked for from one network; ByAccountSite the same from one site.
	ByAccountNetwork By = "account-network"
	ByAccountSite    By = "account-site"
	// ByStrangers is one account, asked for from all networks together in which it has never signed in.
	ByStrangers By = "strangers"
	// ByAccount is one account wherever it is asked for.
	ByAccount By = "account"
	// ByNetwork and BySite are all accounts together.
	ByNetwork By = "network"
	BySite    By = "site"
)

// Budget is how many attempts somebody has.
type Budget struct {
	By By
	Rate
}

// PolicyRow is one line of the table.
type PolicyRow struct {
	Policy Policy
	// Late is true when the handler takes the attempt, because only it knows the account. The middleware takes the others.
	Late    bool
	Budgets []Budget
}

// Policies is the table of all limits. An attempt is taken from every budget of its row, or from none when one of them is spent.
//
// An attempt counts after the name is resolved: an account has one budget, whether it is asked for by name or by address, and a name
// that nobody has counts like one that somebody has.
//
// Three questions decide the figures.
//
//   - Who guesses? One account from one network has a tight budget, and the site around the network three times that. Somebody with
//     many networks gets through that, so all strangers to an account share a budget too: 300 passwords an hour, 100 codes.
//     A code is tried before it is known whose it is: there, what was sent to one browser (FlowKey) stands for the account, whose own
//     wrong codes package codes counts.
//   - Who is locked out? Nobody by a budget that others can spend. What a stranger spends from other networks is not the budget
//     of the owner's network. The budget of the strangers does not count where the owner has signed in before (Limits.Remember).
//     Only an owner who is at a new network while hundreds of attempts an hour come from elsewhere is refused there.
//     The second factor has a budget of the account alone, because whoever comes so far has proved the password.
//   - Who shares an address? The budget of a network is wide: 40 people of a school sign in and buy within one minute, behind one
//     address. So it only bounds how many different names a network can try.
//
// The budgets of claims, api and receipts bound questions to the ledger; a page that waits for a verdict asks once a second. An export is
// counted by the account that has signed in, which nobody else can spend.
func Policies() []PolicyRow {
	const m, h = time.Minute, time.Hour
	return []PolicyRow{
		{SignIn, true, []Budget{
			{ByAccountNetwork, Rate{10, 10 * m, 10}}, {ByAccountSite, Rate{30, 10 * m, 30}}, {ByStrangers, Rate{300, h, 300}},
			{ByNetwork, Rate{30, m, 120}}, {BySite, Rate{120, m, 480}},
		}},
		{SignUp, true, []Budget{{ByNetwork, Rate{10, m, 60}}, {BySite, Rate{40, m, 240}}}},
		{Code, true, []Budget{
			{ByAccountNetwork, Rate{5, 15 * m, 5}}, {ByAccountSite, Rate{10, 15 * m, 10}}, {ByStrangers, Rate{30, h, 30}},
			{ByNetwork, Rate{30, m, 120}}, {BySite, Rate{60, m, 240}},
		}},
		{CodeVerify, true, []Budget{
			{ByAccountNetwork, Rate{10, 10 * m, 10}}, {ByAccountSite, Rate{20, 10 * m, 20}}, {ByStrangers, Rate{100, h, 100}},
			{ByNetwork, Rate{30, m, 120}}, {BySite, Rate{60, m, 240}},
		}},
		{SecondFactor, true, []Budget{
			{ByAccountNetwork, Rate{5, 5 * m, 5}}, {ByAccount, Rate{60, h, 30}}, {ByNetwork, Rate{30, m, 60}}, {BySite, Rate{60, m, 120}},
		}},
		{Token, true, []Budget{{ByNetwork, Rate{60, m, 60}}, {BySite, Rate{120, m, 120}}}},
		{Claims, false, []Budget{{ByNetwork, Rate{100, time.Second, 1000}}, {BySite, Rate{400, time.Second, 4000}}}},
		{Export, true, []Budget{{ByAccount, Rate{30, h, 10}}, {ByNetwork, Rate{60, h, 20}}}},
		{API, false, []Budget{{ByNetwork, Rate{50, time.Second, 500}}, {BySite, Rate{200, time.Second, 2000}}}},
		{Receipts, false, []Budget{{ByNetwork, Rate{20, time.Second, 200}}, {BySite, Rate{80, time.Second, 800}}}},
		{Purchase, true, nil},
	}
}

// Late is true when the handlers of the policy take the attempts themselves.
func (p Policy) Late() bool {
	for _, row := range Policies() {
		if row.Policy == p {
			return row.Late
		}
	}
	return true
}

// Known is true for a policy of the table.
func (p Policy) Known() bool {
	for _, row := range Policies() {
		if row.Policy == p {
			return true
		}
	}
	return false
}
