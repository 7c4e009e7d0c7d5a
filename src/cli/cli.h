/* One function per command, each in a file of its own. argv[0] is the command's name. Result: the exit
 * code: 0 done, 1 failed, 2 used wrongly or the configuration does not validate. */
#pragma once

enum { EXIT_DONE = 0, EXIT_FAILED = 1, EXIT_USAGE = 2 };

int cli_alerts(int argc, char **argv);
int cli_at(int argc, char **argv);
int cli_audit(int argc, char **argv);
int cli_cache(int argc, char **argv);
int cli_calibrate(int argc, char **argv);
int cli_config(int argc, char **argv);
int cli_datasets(int argc, char **argv);
int cli_demo(int argc, char **argv);
int cli_deploy(int argc, char **argv);
int cli_endpoints(int argc, char **argv);
int cli_eval(int argc, char **argv);
int cli_evaluations(int argc, char **argv);
int cli_monitors(int argc, char **argv);
int cli_forget(int argc, char **argv);
int cli_export(int argc, char **argv);
int cli_history(int argc, char **argv);
int cli_incidents(int argc, char **argv);
int cli_keys(int argc, char **argv);
int cli_models(int argc, char **argv);
int cli_prompts(int argc, char **argv);
int cli_promote(int argc, char **argv);
int cli_requests(int argc, char **argv);
int cli_review(int argc, char **argv);
int cli_switch(int argc, char **argv);
int cli_rollback(int argc, char **argv);
int cli_rollouts(int argc, char **argv);
int cli_serve(int argc, char **argv);
int cli_suites(int argc, char **argv);
int cli_train(int argc, char **argv);
