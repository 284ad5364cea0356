// Package fakeslack stands in for Slack on loopback: an incoming webhook and the
// calls of the Web API that a bot needs, with Slack's rate limit, Slack's
// limits on messages and Slack's refusals, and outages on demand. Tests post to
// it, and the demo shows what it was sent as Slack would.
package fakeslack
