// Groups as an administrator sees them.

package main

import (
	"context"
	"slices"

	"github.com/twmb/franz-go/pkg/kadm"
)

func groups(a *adapter, ctx context.Context, _ *request) (any, error) {
	found, err := a.admin.ListGroups(ctx)
	return found.Groups(), err
}

func deleteGroup(a *adapter, ctx context.Context, r *request) (any, error) {
	deleted, err := a.admin.DeleteGroup(ctx, r.Group)
	if err != nil {
		return nil, err
	}
	return nil, deleted.Err
}

func committed(a *adapter, ctx context.Context, r *request) (any, error) {
	offsets, err := a.admin.FetchOffsets(ctx, r.Group)
	if err != nil {
		return nil, err
	}
	found := map[int32]int64{}
	for partition, offset := range offsets[r.Topic] {
		found[partition] = offset.At
	}
	return found, offsets.Error()
}

func setOffset(a *adapter, ctx context.Context, r *request) (any, error) {
	var offsets kadm.Offsets
	offsets.AddOffset(r.Topic, r.Partition, r.Offset, -1)
	return nil, a.admin.CommitAllOffsets(ctx, r.Group, offsets)
}

func deleteOffset(a *adapter, ctx context.Context, r *request) (any, error) {
	deleted, err := a.admin.DeleteOffsets(ctx, r.Group, kadm.TopicsSet{r.Topic: {r.Partition: {}}})
	if err != nil {
		return nil, err
	}
	return nil, deleted.Error()
}

func describeGroup(a *adapter, ctx context.Context, r *request) (any, error) {
	described, err := a.admin.DescribeGroups(ctx, r.Group)
	if err != nil {
		return nil, err
	}
	group := described[r.Group]
	members := [][]int32{}
	for _, one := range group.Members {
		partitions := []int32{}
		if assigned, ok := one.Assigned.AsConsumer(); ok {
			for _, topic := range assigned.Topics {
				partitions = append(partitions, topic.Partitions...)
			}
		}
		slices.Sort(partitions)
		members = append(members, partitions)
	}
	return map[string]any{"state": group.State, "strategy": group.Protocol, "members": members}, group.Err
}
