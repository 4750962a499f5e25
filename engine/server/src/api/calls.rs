//! Every call of the API, once: what answers it, and how the description has it ([`openapi`](super::openapi)).

mod one;

use axum::Router;

pub(super) use self::one::{Call, Gives, Takes};
use super::{
    Api, act, attempts, attributes, batch, definitions, history, incident, info, list, message,
    openapi, queue, queues, rejected, result, runs, schedule, start, step, stream, views,
};

/// The calls, without what stands before `/api/v1`.
pub(super) fn router() -> Router<Api> {
    let calls = calls().into_iter();
    calls.fold(Router::new(), |router, call| {
        router.route(call.path, call.answers)
    })
}

/// All of them.
pub(super) fn calls() -> Vec<Call> {
    let mut calls = of_workflows();
    calls.extend(acts());
    calls.extend(steps());
    calls.extend(incidents());
    calls.extend(queues());
    calls.extend(schedules());
    calls.extend(others());
    calls.extend(operations());
    calls
}

fn of_workflows() -> Vec<Call> {
    vec![
        Call::get(
            "/workflows",
            list::workflows,
            "Runs that a filter means, page by page",
        )
        .params(&["query", "sort", "page_size", "page_token", "consistency"]),
        Call::post("/workflows", start::start, "Starts a workflow")
            .params(&["wait"])
            .takes::<start::Start>()
            .gives(Gives::FoundOrAccepted),
        Call::get(
            "/workflow-counts",
            list::count,
            "How many runs a filter means, and by one field",
        )
        .params(&["query", "group_by", "consistency"]),
        Call::get("/workflows/{id}", runs::describe, "All about a run").params(&[
            "run_id",
            "workflow_id",
            "consistency",
        ]),
        Call::get(
            "/workflows/{id}/runs",
            runs::runs,
            "The runs of a workflow, the newest first",
        )
        .params(&["run_id", "workflow_id", "consistency"]),
        Call::get(
            "/workflows/{id}/history",
            history::history,
            "The events of a run",
        )
        .params(&history::KNOWN),
        Call::get(
            "/workflows/{id}/result",
            result::result,
            "What a workflow returned",
        )
        .params(&["run_id", "workflow_id", "wait", "follow", "consistency"])
        .gives(Gives::FoundOrAccepted),
    ]
}

fn acts() -> Vec<Call> {
    vec![
        Call::post(
            "/workflows/{id}/signals/{name}",
            message::signal,
            "Sends a run a message",
        )
        .params(&act::OF_RUN)
        .takes_input(),
        Call::post(
            "/workflows/{id}/queries/{name}",
            message::query,
            "Asks a run's program something",
        )
        .params(&act::OF_RUN)
        .takes_input()
        .gives(Gives::Found),
        Call::post(
            "/workflows/{id}/updates/{name}",
            message::update,
            "Asks a run to change",
        )
        .params(&["run_id", "workflow_id", "wait", "update_id"])
        .takes_input()
        .gives(Gives::FoundOrAccepted),
        Call::get(
            "/workflows/{id}/updates/{name}",
            runs::update,
            "How an update ended; `name` is its id",
        )
        .params(&["run_id", "workflow_id", "wait", "consistency"])
        .gives(Gives::FoundOrAccepted),
        Call::post(
            "/workflows/{id}/cancel",
            act::cancel,
            "Asks a run to stop; what it has done is compensated",
        )
        .params(&act::OF_RUN)
        .takes::<act::Stop>(),
        Call::post(
            "/workflows/{id}/terminate",
            act::terminate,
            "Ends a run at once; what it has done stays",
        )
        .params(&act::OF_RUN)
        .takes::<act::Stop>(),
        Call::post("/workflows/{id}/pause", act::pause, "Holds a run up")
            .params(&act::OF_RUN)
            .takes::<act::Why>(),
        Call::post(
            "/workflows/{id}/resume",
            act::resume,
            "Lets a paused run go on",
        )
        .params(&act::OF_RUN)
        .takes::<act::Why>(),
        Call::post(
            "/workflows/{id}/reset",
            act::reset,
            "Ends a run and lets another go on behind one of its events",
        )
        .params(&act::OF_RUN)
        .takes::<act::Reset>(),
        Call::delete(
            "/workflows/{id}",
            act::delete,
            "Shows nobody any more what a closed run was given and gave",
        )
        .params(&act::OF_RUN)
        .takes::<act::Why>(),
    ]
}

fn steps() -> Vec<Call> {
    vec![
        Call::get(
            "/workflows/{id}/activities/{activity_id}",
            attempts::activity,
            "An activity with all its attempts",
        )
        .params(&["run_id", "workflow_id", "consistency"]),
        Call::patch(
            "/workflows/{id}/activities/{activity_id}",
            step::update_options,
            "Changes how a pending activity is retried and how long it may take",
        )
        .params(&act::OF_RUN)
        .takes::<step::ByHand>(),
        Call::post(
            "/workflows/{id}/activities/{activity_id}/complete",
            step::complete,
            "Goes on as if a worker had returned `result`",
        )
        .params(&act::OF_RUN)
        .takes::<step::ByHand>(),
        Call::post(
            "/workflows/{id}/activities/{activity_id}/fail",
            step::fail,
            "Goes on as if it had failed for good",
        )
        .params(&act::OF_RUN)
        .takes::<step::ByHand>(),
        Call::post(
            "/workflows/{id}/activities/{activity_id}/retry",
            step::retry,
            "Makes the next attempt now",
        )
        .params(&act::OF_RUN)
        .takes::<step::ByHand>(),
        Call::post(
            "/workflows/{id}/activities/{activity_id}/pause",
            step::pause,
            "Begins no attempt until it is resumed",
        )
        .params(&act::OF_RUN)
        .takes::<step::ByHand>(),
        Call::post(
            "/workflows/{id}/activities/{activity_id}/resume",
            step::resume,
            "Lets a paused activity go on",
        )
        .params(&act::OF_RUN)
        .takes::<step::ByHand>(),
    ]
}

fn incidents() -> Vec<Call> {
    vec![
        Call::get(
            "/incidents",
            incident::incidents,
            "What waits for a person, or waited",
        )
        .params(&[
            "query",
            "state",
            "sort",
            "group_by",
            "page_size",
            "page_token",
            "consistency",
        ]),
        Call::get("/incidents/{id}", incident::incident, "One incident").params(&["consistency"]),
        Call::post(
            "/incidents/{id}/retry",
            step::retry_incident,
            "Gives its activity a fresh set of attempts",
        )
        .takes::<step::ByHand>(),
        Call::post(
            "/incidents/{id}/skip",
            step::skip_incident,
            "Goes on as if its activity had returned `result`",
        )
        .takes::<step::ByHand>(),
        Call::post(
            "/incidents/{id}/fail",
            step::fail_incident,
            "Gives up: its activity fails, or the run",
        )
        .takes::<step::ByHand>(),
    ]
}

fn queues() -> Vec<Call> {
    vec![
        Call::get(
            "/task-queues",
            queues::list,
            "Task queues: what waits, who reads",
        ),
        Call::get("/task-queues/{name}", queues::describe, "One task queue"),
        Call::put(
            "/task-queues/{name}/limits",
            queue::limit,
            "Limits a task queue; null lifts a limit",
        )
        .takes::<queue::Limits>(),
        Call::post(
            "/task-queues/{name}/pause",
            queue::pause,
            "Sends no task to a queue",
        )
        .takes::<act::Why>(),
        Call::post(
            "/task-queues/{name}/resume",
            queue::resume,
            "Sends tasks to a queue again",
        )
        .takes::<act::Why>(),
        Call::post(
            "/task-queues/{name}/activities/{activity}/pause",
            queue::pause,
            "Sends no task of one activity to a queue",
        )
        .takes::<act::Why>(),
        Call::post(
            "/task-queues/{name}/activities/{activity}/resume",
            queue::resume,
            "Sends tasks of one activity to a queue again",
        )
        .takes::<act::Why>(),
    ]
}

fn schedules() -> Vec<Call> {
    vec![
        Call::get("/schedules", schedule::list, "Schedules, by name")
            .params(&["page_size", "page_token", "consistency"]),
        Call::get("/schedules/{name}", schedule::describe, "What a schedule does, and when it is due next"),
        Call::put("/schedules/{name}", schedule::put, "Creates a schedule, or replaces what it goes by")
            .takes_described("A schedule: `spec`, `action`, `overlap` and so on, as `schedule describe -o json` has it under `schedule`"),
        Call::delete("/schedules/{name}", schedule::delete, "Ends a schedule; what it has started goes on")
            .takes::<schedule::Note>(),
        Call::get("/schedules/{name}/next", schedule::next, "When a schedule is due next").params(&["count"]),
        Call::post("/schedules/{name}/pause", schedule::pause, "Starts nothing by itself until it is resumed")
            .takes::<schedule::Note>(),
        Call::post("/schedules/{name}/resume", schedule::resume, "Lets a paused schedule go on")
            .takes::<schedule::Note>(),
        Call::post("/schedules/{name}/trigger", schedule::trigger, "Starts one now")
            .takes_described("`{\"overlap\"}`: what happens while another is under way; its own rule unless said")
            .gives(Gives::Found),
        Call::post("/schedules/{name}/backfill", schedule::backfill, "Starts what was due in a time")
            .takes_described("`{\"from\", \"to\", \"overlap\"}`: the first and the last due time that counts, in RFC 3339"),
    ]
}

fn others() -> Vec<Call> {
    vec![
        Call::get("/batches", batch::list, "Acts on many, the newest first").params(&[
            "page_size",
            "page_token",
            "consistency",
        ]),
        Call::post(
            "/batches",
            batch::begin,
            "Begins an act on all that a filter means; `dry_run` only counts",
        )
        .takes::<batch::NewBatch>()
        .gives(Gives::FoundOrAccepted),
        Call::get(
            "/batches/{name}",
            batch::describe,
            "How far a batch is; `name` is its id",
        )
        .params(&["consistency"]),
        Call::post(
            "/batches/{name}/cancel",
            batch::cancel,
            "Stops a batch: what it has begun it ends",
        )
        .takes::<act::Why>(),
        Call::get("/views", views::list, "Filters that people keep"),
        Call::get("/views/{name}", views::get, "One of them"),
        Call::put("/views/{name}", views::put, "Keeps a filter")
            .takes::<views::ViewDefinition>()
            .gives(Gives::Found),
        Call::delete("/views/{name}", views::delete, "Forgets a filter").gives(Gives::Nothing),
        Call::get(
            "/stream/workflows",
            stream::workflows,
            "Runs as they change",
        )
        .params(&["query"])
        .gives(Gives::Events),
        Call::get(
            "/stream/workflows/{id}",
            stream::workflow,
            "A workflow as it changes",
        )
        .params(&["run_id", "workflow_id"])
        .gives(Gives::Events),
        Call::get(
            "/stream/incidents",
            stream::incidents,
            "Incidents as they come and go",
        )
        .gives(Gives::Events),
    ]
}

fn operations() -> Vec<Call> {
    vec![
        Call::get(
            "/inputs/rejected",
            rejected::list,
            "Inputs that could not be taken, and why, the newest first",
        )
        .params(&["workflow_id", "page_size", "page_token", "consistency"]),
        Call::post(
            "/inputs/rejected/{id}/redrive",
            rejected::redrive,
            "Sends the original record again, once what was wrong is mended",
        ),
        Call::get(
            "/attributes",
            attributes::list,
            "Search attributes that runs have, and of which kinds",
        )
        .params(&["consistency"]),
        Call::get("/definitions", definitions::list, "Workflows that are data")
            .params(&["page_size", "page_token"]),
        Call::get(
            "/definitions/{name}/{version}",
            definitions::get,
            "One of them",
        ),
        Call::put(
            "/definitions/{name}/{version}",
            definitions::put,
            "Not in this version: 404",
        )
        .takes_described("The definition")
        .gives(Gives::Found),
        Call::delete(
            "/definitions/{name}/{version}",
            definitions::delete,
            "Forgets a definition",
        )
        .gives(Gives::Nothing),
        Call::get("/info", info::info, "The app: its build, its workflows"),
        Call::get(
            "/partitions",
            info::partitions,
            "Partitions: who has them, how far they are projected",
        ),
        Call::get(
            "/retry-topics",
            info::retry_topics,
            "What waits to be sent later",
        ),
        Call::get("/openapi.json", openapi::document, "This description"),
    ]
}
