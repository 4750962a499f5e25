package main

import (
	"context"
	"fmt"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kmsg"
)

func metadata(a *adapter, ctx context.Context, _ *request) (any, error) {
	found, err := a.admin.BrokerMetadata(ctx)
	if err != nil {
		return nil, err
	}
	brokers := []string{}
	for _, broker := range found.Brokers {
		brokers = append(brokers, fmt.Sprintf("%s:%d", broker.Host, broker.Port))
	}
	return map[string]any{"cluster_id": found.Cluster, "brokers": brokers}, nil
}

func topics(a *adapter, ctx context.Context, _ *request) (any, error) {
	found, err := a.admin.ListTopics(ctx)
	return found.Names(), err
}

func partitions(a *adapter, ctx context.Context, r *request) (any, error) {
	found, err := a.admin.ListTopics(ctx, r.Topic)
	if err != nil {
		return nil, err
	}
	return len(found[r.Topic].Partitions), found[r.Topic].Err
}

func createTopic(a *adapter, ctx context.Context, r *request) (any, error) {
	made, err := a.admin.CreateTopic(ctx, r.Partitions, 1, pointers(r.Configs), r.Topic)
	if err != nil {
		return nil, err
	}
	return nil, made.Err
}

func deleteTopic(a *adapter, ctx context.Context, r *request) (any, error) {
	deleted, err := a.admin.DeleteTopic(ctx, r.Topic)
	if err != nil {
		return nil, err
	}
	return nil, deleted.Err
}

func createPartitions(a *adapter, ctx context.Context, r *request) (any, error) {
	grown, err := a.admin.UpdatePartitions(ctx, r.Count, r.Topic)
	if err != nil {
		return nil, err
	}
	return nil, grown[r.Topic].Err
}

func describeConfigs(a *adapter, ctx context.Context, r *request) (any, error) {
	described, err := a.admin.DescribeTopicConfigs(ctx, r.Topic)
	if err != nil {
		return nil, err
	}
	found := map[string]any{}
	for _, config := range described[0].Configs {
		byDefault := config.Source == kmsg.ConfigSourceDefaultConfig
		found[config.Key] = map[string]any{"value": config.MaybeValue(), "default": byDefault}
	}
	return found, described[0].Err
}

func alterConfigs(a *adapter, ctx context.Context, r *request) (any, error) {
	changes := []kadm.AlterConfig{}
	for name, value := range pointers(r.Set) {
		changes = append(changes, kadm.AlterConfig{Op: kadm.SetConfig, Name: name, Value: value})
	}
	for _, name := range r.Delete {
		changes = append(changes, kadm.AlterConfig{Op: kadm.DeleteConfig, Name: name})
	}
	altered, err := a.admin.AlterTopicConfigs(ctx, changes, r.Topic)
	if err != nil {
		return nil, err
	}
	return nil, altered[0].Err
}

func replaceConfigs(a *adapter, ctx context.Context, r *request) (any, error) {
	all := []kadm.AlterConfig{}
	for name, value := range pointers(r.Configs) {
		all = append(all, kadm.AlterConfig{Name: name, Value: value})
	}
	altered, err := a.admin.AlterTopicConfigsState(ctx, all, r.Topic)
	if err != nil {
		return nil, err
	}
	return nil, altered[0].Err
}

func deleteRecords(a *adapter, ctx context.Context, r *request) (any, error) {
	var before kadm.Offsets
	before.AddOffset(r.Topic, r.Partition, r.Before, -1)
	deleted, err := a.admin.DeleteRecords(ctx, before)
	if err != nil {
		return nil, err
	}
	one := deleted[r.Topic][r.Partition]
	return one.LowWatermark, one.Err
}

func pointers(texts map[string]string) map[string]*string {
	found := map[string]*string{}
	for name, value := range texts {
		found[name] = &value
	}
	return found
}
