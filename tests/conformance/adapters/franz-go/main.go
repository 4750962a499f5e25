// The franz-go client as an adapter; ../ADAPTERS.md says what the operations are.
package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"runtime/debug"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
)

const (
	callMax       = 20 * time.Second
	requestLenMax = 64 << 20
)

// request has the arguments of all operations; each takes its own.
type request struct {
	Op          string            `json:"op"`
	Topic       string            `json:"topic"`
	Partition   int32             `json:"partition"`
	Partitions  int32             `json:"partitions"`
	Count       int               `json:"count"`
	Configs     map[string]string `json:"configs"`
	Set         map[string]string `json:"set"`
	Delete      []string          `json:"delete"`
	Before      int64             `json:"before"`
	At          any               `json:"at"`
	Records     []sent            `json:"records"`
	Settings    settings          `json:"settings"`
	ID          string            `json:"id"`
	Commit      bool              `json:"commit"`
	Consumer    string            `json:"consumer"`
	Start       any               `json:"start"`
	Group       string            `json:"group"`
	Strategy    string            `json:"strategy"`
	Instance    string            `json:"instance"`
	SessionMs   int               `json:"session_ms"`
	FetchWaitMs int               `json:"fetch_wait_ms"`
	Isolation   string            `json:"isolation"`
	WaitMs      int               `json:"wait_ms"`
	Offset      int64             `json:"offset"`
}

type adapter struct {
	client  *kgo.Client
	admin   *kadm.Client
	members map[string]*member
}

type operation func(*adapter, context.Context, *request) (any, error)

var operations = map[string]operation{
	"hello": hello, "metadata": metadata, "topics": topics, "partitions": partitions,
	"create_topic": createTopic, "delete_topic": deleteTopic, "create_partitions": createPartitions,
	"describe_configs": describeConfigs, "alter_configs": alterConfigs, "replace_configs": replaceConfigs,
	"delete_records": deleteRecords,
	"produce":        produce, "transaction": transaction, "offset_at": offsetAt,
	"open": open, "poll": poll, "assignment": assignment, "commit": commit, "close": closeOne, "close_all": closeAll,
	"groups": groups, "describe_group": describeGroup, "delete_group": deleteGroup,
	"committed": committed, "set_offset": setOffset, "delete_offset": deleteOffset,
}

func main() {
	client, err := kgo.NewClient(seeds())
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	a := &adapter{client: client, admin: kadm.NewClient(client), members: map[string]*member{}}
	in := bufio.NewScanner(os.Stdin)
	in.Buffer(nil, requestLenMax)
	out := json.NewEncoder(os.Stdout)
	for in.Scan() {
		if err := out.Encode(a.answer(in.Bytes())); err != nil {
			os.Exit(1)
		}
	}
}

func seeds() kgo.Opt {
	return kgo.SeedBrokers(os.Getenv("BOOTSTRAP"))
}

func (a *adapter) answer(line []byte) map[string]any {
	var r request
	if err := json.Unmarshal(line, &r); err != nil {
		return map[string]any{"error": "Malformed", "text": err.Error()}
	}
	run, known := operations[r.Op]
	if !known {
		return map[string]any{"unsupported": "the client has no call for it"}
	}
	ctx, cancel := context.WithTimeout(context.Background(), callMax)
	defer cancel()
	result, err := run(a, ctx, &r)
	if err != nil {
		return map[string]any{"error": nameOf(err), "text": err.Error()}
	}
	return map[string]any{"ok": result}
}

func nameOf(err error) string {
	var of *kerr.Error
	if errors.As(err, &of) {
		return of.Message
	}
	return fmt.Sprintf("%T", err)
}

func hello(*adapter, context.Context, *request) (any, error) {
	version := "unknown"
	if info, ok := debug.ReadBuildInfo(); ok {
		for _, module := range info.Deps {
			if module.Path == "github.com/twmb/franz-go" {
				version = module.Version
			}
		}
	}
	return map[string]any{"version": version, "lacks": map[string]string{}}, nil
}
