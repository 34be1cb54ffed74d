// sluice classifier: train a model from labelled rows, and say how good one is.
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <memory>
#include <nlohmann/json.hpp>

#include "bundle_input.hpp"
#include "classifier_report.hpp"
#include "sluice/app/command.hpp"
#include "sluice/base/foreign_json.hpp"
#include "sluice/base/strings.hpp"
#include "sluice/match/classifier.hpp"
#include "sluice/match/classifier_training.hpp"
#include "sluice/rollout/statistics.hpp"
#include "sluice/text/view.hpp"

namespace sluice::app {
namespace {

using json = nlohmann::ordered_json;
constexpr std::size_t data_bytes_max = 1u << 30, rows_max = 5'000'000;
constexpr int exit_failed = 1, exit_insufficient = 3;

struct labelled_row {
  std::string place;
  match::training_row row;
};

// What a line lacks to be a row; empty: nothing.
std::string wrong_with(const json& row) {
  if (row.is_discarded()) return "the line is no JSON";
  if (!row.is_object()) return "the line is no JSON object";
  for (const char* key : {"text", "label"}) {
    if (!row.contains(key)) return "the row has no \"" + std::string(key) + "\"";
    if (!row[key].is_string()) return "\"" + std::string(key) + "\" is no string";
  }
  return {};
}

// {"text": …, "label": …} a line; other keys are ignored, so that a data set's own notes may stay.
bool read_rows(const std::string& file, std::vector<labelled_row>& out) {
  const auto bytes = read_whole(file, data_bytes_max);
  if (!bytes) return false;
  constexpr std::size_t wrong_shown_max = 10;
  std::size_t number = 0, wrong = 0;
  for (std::size_t at = 0; at < bytes->size();) {
    const auto end = std::min(bytes->find('\n', at), bytes->size());
    const auto line = trim(std::string_view(*bytes).substr(at, end - at));
    at = end + 1;
    ++number;
    if (line.empty()) continue;
    const std::string place = file + ":" + std::to_string(number);
    const auto row = parse_bounded<json>(line);
    if (const auto what = wrong_with(row); !what.empty()) {
      if (++wrong <= wrong_shown_max) complain(place + ": " + what, R"(write {"text": "…", "label": "…"}, one a line)");
      continue;
    }
    if (out.size() == rows_max) return complain(place + ": more than " + std::to_string(rows_max) + " rows", "give fewer"), false;
    out.push_back({place, {row["text"].get<std::string>(), row["label"].get<std::string>()}});
  }
  if (wrong > wrong_shown_max) complain(file + ": " + std::to_string(wrong - wrong_shown_max) + " more lines are no rows either");
  return wrong == 0;
}

bool read_rows(const std::vector<std::string>& files, std::vector<labelled_row>& out) {
  for (const auto& file : files) {
    if (!read_rows(file, out)) return false;
  }
  if (!out.empty()) return true;
  complain("there are no rows to read", R"(write {"text": "…", "label": "…"}, one a line)");
  return false;
}

// Beside its place first, so that a reader of the file sees the old one or the new one.
bool write_file(const std::string& file, const std::string& bytes) {
  const std::string beside = file + ".new";
  {
    std::ofstream out(beside, std::ios::binary | std::ios::trunc);
    out.write(bytes.data(), static_cast<std::streamsize>(bytes.size()));
    if (!out.flush()) return complain("cannot write " + beside, "check the folder and its permissions"), false;
  }
  std::error_code failed;
  std::filesystem::rename(beside, file, failed);
  if (failed) return complain("cannot write " + file + ": " + failed.message()), false;
  return true;
}

// One line on a terminal, written anew at each percent; nothing elsewhere.
match::training_progress terminal_progress() {
  if (::isatty(STDERR_FILENO) != 1) return {};
  return [last = -1](double part, double loss) mutable {
    const int percent = static_cast<int>(part * 100);
    if (percent == last) return true;
    last = percent;
    char line[64];
    std::snprintf(line, sizeof line, "\rtraining %3d %%  loss %.4f", percent, loss);
    std::cerr << line << std::flush;
    return true;
  };
}

struct train_options {
  std::vector<std::string> files;
  std::string output;
  match::training_options training;
};

int train(const train_options& asked, bool as_json) {
  std::vector<labelled_row> read;
  if (!read_rows(asked.files, read)) return exit_failed;
  std::vector<match::training_row> rows;
  std::map<std::string, std::size_t> labels;
  for (auto& each : read) {
    ++labels[each.row.label];
    rows.push_back(std::move(each.row));
  }
  const auto progress = terminal_progress();
  const auto begin = mono_now();
  const auto made = match::train_classifier(rows, asked.training, progress);
  if (progress) std::cerr << "\r\033[K";
  if (!made) {
    complain(made.error().message, made.error().message.starts_with("row ") ? "rows are counted over all files, from 1" : "");
    return exit_failed;
  }
  if (!write_file(asked.output, *made)) return exit_failed;
  const auto took = std::chrono::duration<double>(mono_now() - begin).count();
  if (as_json) {
    std::cout << json{{"model", asked.output}, {"bytes", made->size()}, {"rows", rows.size()}, {"labels", labels}, {"seconds", took}}.dump(2) << '\n';
    return 0;
  }
  std::vector<std::vector<std::string>> table_rows = {{"label", "rows"}};
  for (const auto& [label, n] : labels) table_rows.push_back({label, std::to_string(n)});
  std::cout << table(table_rows) << "wrote " << asked.output << ": " << made->size() << " bytes\n";
  return 0;
}

struct eval_options {
  std::string model, label;
  std::vector<std::string> files;
  double false_positives_max = 0.005, at = 0.5;
  std::size_t worst = 5;
};

struct scored {
  std::vector<std::string> labels;
  std::vector<scored_row> rows;
  std::size_t bytes = 0, cut_short = 0;
  double microseconds_per_kb = 0;
};

std::shared_ptr<const match::classifier> open_model(const std::string& file) {
  const auto bytes = read_whole(file, match::classifier_limits{}.model_bytes_max * 16);
  if (!bytes) return nullptr;
  const auto compiler = make_bundle_compiler();
  if (const auto fine = compiler.backend->try_classifier(*bytes); !fine) return complain(file + ": " + fine.error().message), nullptr;
  auto made = match::load_classifier(*bytes);
  if (!made) return complain(file + ": " + made.error().message), nullptr;
  return *made;
}

std::optional<scored> score_rows(const match::classifier& with, std::vector<labelled_row> rows) {
  scored out;
  out.labels.assign(with.labels().begin(), with.labels().end());
  match::classifier_scratch scratch;
  std::vector<match::label_score> found;
  text::view view;
  mono_time::duration spent{};
  for (auto& [place, row] : rows) {
    if (!text::is_valid_utf8(row.text)) return complain(place + ": the text is no UTF-8"), std::nullopt;
    const auto begin = mono_now();
    text::make_view(row.text, text::view_kind::folded, view);
    match::scoring_budget budget;
    out.cut_short += with.score(view.text(), budget, scratch, found) ? 0 : 1;
    spent += mono_now() - begin;
    out.bytes += row.text.size();
    scored_row made{.place = place, .label = row.label, .text = {}, .scores = {}};
    for (const auto& each : found) made.scores.push_back(each.score);
    made.text = std::move(row.text);
    out.rows.push_back(std::move(made));
  }
  out.microseconds_per_kb = std::chrono::duration<double, std::micro>(spent).count() / (static_cast<double>(out.bytes) / 1024 + 1e-9);
  return out;
}

std::string fixed(double value, int digits) {
  char text[32];
  std::snprintf(text, sizeof text, "%.*f", digits, value);
  return text;
}

// One line of a text, for people.
std::string excerpt(const std::string& text) {
  std::string out = clipped(text, 100);
  for (char& c : out) {
    if (static_cast<unsigned char>(c) < 0x20 || c == 0x7f) c = ' ';
  }
  return out;
}

json counts_json(const label_counts& of) {
  return {{"precision", of.precision()}, {"recall", of.recall()}, {"false_positive_rate", of.false_positive_rate()},
          {"true_positives", of.hits}, {"false_negatives", of.misses}, {"false_positives", of.false_alarms}, {"true_negatives", of.rest}};
}

json worst_json(const std::vector<const scored_row*>& rows, std::size_t index) {
  json out = json::array();
  for (const auto* row : rows) out.push_back({{"place", row->place}, {"label", row->label}, {"score", row->scores[index]}});
  return out;
}

void print_json(const eval_options& asked, const scored& all, const std::vector<std::size_t>& shown) {
  json labels = json::object();
  for (const auto index : shown) {
    const auto& label = all.labels[index];
    const auto chosen = choose_threshold(all.rows, label, index, asked.false_positives_max);
    const auto worst = find_worst(all.rows, label, index, asked.worst);
    labels[label] = {{"at", asked.at},
                     {"counts", counts_json(count_at(all.rows, label, index, asked.at))},
                     {"max_fpr", asked.false_positives_max},
                     {"threshold", chosen.threshold},
                     {"shown", chosen.shown},
                     {"fpr_upper95", chosen.rate_upper95},
                     {"counts_at_threshold", counts_json(chosen.counts)},
                     {"worst_false_positives", worst_json(worst.false_alarms, index)},
                     {"worst_false_negatives", worst_json(worst.misses, index)}};
  }
  std::cout << json{{"model", asked.model}, {"rows", all.rows.size()}, {"bytes", all.bytes}, {"cut_short", all.cut_short},
                    {"us_per_kb", all.microseconds_per_kb}, {"labels", labels}, {"confusion", confuse(all.rows, all.labels)}}
                   .dump(2, ' ', false, json::error_handler_t::replace)
            << '\n';
}

void print_worst(const scored& all, std::size_t index, std::size_t most) {
  const auto& label = all.labels[index];
  const auto worst = find_worst(all.rows, label, index, most);
  std::vector<std::vector<std::string>> rows = {{"SCORE", "LABEL", "WHERE", "TEXT"}};
  for (const auto* list : {&worst.false_alarms, &worst.misses}) {
    for (const auto* row : *list) rows.push_back({fixed(static_cast<double>(row->scores[index]), 4), row->label, row->place, excerpt(row->text)});
  }
  std::cout << "\nworst cases of " << label << ": others that score highest, then its own that score lowest\n" << table(rows);
}

// "200 of at least 598 rows of other labels"
std::string missing_rows(const threshold_choice& chosen, double rate_max) {
  return std::to_string(chosen.counts.false_alarms + chosen.counts.rest) + " of at least " + std::to_string(rollout::cases_needed(rate_max, 0)) + " rows of other labels";
}

void print_text(const eval_options& asked, const scored& all, const std::vector<std::size_t>& shown) {
  std::vector<std::vector<std::string>> rows = {{"LABEL", "ROWS", "PRECISION", "RECALL", "FPR", "THRESHOLD", "RECALL THERE", "FPR THERE", "95 % BOUND", ""}};
  for (const auto index : shown) {
    const auto& label = all.labels[index];
    const auto now = count_at(all.rows, label, index, asked.at);
    const auto chosen = choose_threshold(all.rows, label, index, asked.false_positives_max);
    rows.push_back({label, std::to_string(now.hits + now.misses), fixed(now.precision(), 3), fixed(now.recall(), 3), fixed(now.false_positive_rate(), 4),
                    fixed(chosen.threshold, 4), fixed(chosen.counts.recall(), 3), fixed(chosen.counts.false_positive_rate(), 4),
                    fixed(chosen.rate_upper95, 4), chosen.shown ? "" : "INSUFFICIENT: " + missing_rows(chosen, asked.false_positives_max)});
  }
  std::cout << table(rows) << "\nprecision, recall and false positives at " << fixed(asked.at, 4) << "; the threshold is the lowest that is shown to let at most "
            << fixed(asked.false_positives_max * 100, 2) << " % of the others through as false positives (95 % bound)\n";
  std::vector<std::vector<std::string>> matrix = {{"said \\ scored"}};
  for (const auto& label : all.labels) matrix[0].push_back(label);
  for (const auto& [said, counts] : confuse(all.rows, all.labels)) {
    matrix.push_back({said});
    for (const auto& label : all.labels) matrix.back().push_back(counts.contains(label) ? std::to_string(counts.at(label)) : "0");
  }
  std::cout << '\n' << table(matrix);
  for (const auto index : shown) print_worst(all, index, asked.worst);
  std::cout << '\n' << all.rows.size() << " rows, " << all.bytes << " bytes, " << fixed(all.microseconds_per_kb, 1) << " µs/KB";
  if (all.cut_short > 0) std::cout << "; " << all.cut_short << " rows are longer than one exchange may score and were read in part";
  std::cout << '\n';
}

int evaluate(const eval_options& asked, bool as_json) {
  const auto model = open_model(asked.model);
  if (!model) return exit_failed;
  std::vector<std::size_t> shown;
  if (asked.label.empty()) {
    for (std::size_t i = 0; i < model->labels().size(); ++i) shown.push_back(i);
  } else if (const auto index = model->find_label(asked.label)) {
    shown.push_back(*index);
  } else {
    std::string known;
    for (const auto& each : model->labels()) known += (known.empty() ? "" : ", ") + each;
    complain("the model has no label '" + asked.label + "'", "it has " + known);
    return 2;
  }
  std::vector<labelled_row> rows;
  if (!read_rows(asked.files, rows)) return exit_failed;
  const auto all = score_rows(*model, std::move(rows));
  if (!all) return exit_failed;
  as_json ? print_json(asked, *all, shown) : print_text(asked, *all, shown);
  for (const auto index : shown) {
    const auto chosen = choose_threshold(all->rows, all->labels[index], index, asked.false_positives_max);
    if (!chosen.shown && !asked.label.empty()) return exit_insufficient;
  }
  return 0;
}

void add_train(CLI::App& command, invocation& call) {
  auto* t = command.add_subcommand("train", "Train a model from labelled rows");
  const auto asked = std::make_shared<train_options>();
  auto& o = asked->training;
  t->add_option("DATA", asked->files, R"(files of {"text": …, "label": …}, one a line)")->required();
  t->add_option("-o,--output", asked->output, "the model to write, as models/topic.ftz")->required();
  t->add_option("--dim", o.dim, "numbers for each feature")->capture_default_str()->check(CLI::Range(2, 512));
  t->add_option("--epochs", o.epochs, "times that all rows are gone through")->capture_default_str()->check(CLI::Range(1, 1000));
  t->add_option("--learning-rate", o.learning_rate, "how far one row moves the model")->capture_default_str()->check(CLI::Range(0.001, 10.0));
  t->add_option("--ngrams", o.word_ngrams, "words in a row that make a feature, at most")->capture_default_str()->check(CLI::Range(1, 5));
  t->add_option("--char-ngrams-min", o.char_ngrams_min, "letters in a row that make a feature, at least")->capture_default_str()->check(CLI::Range(0, 8));
  t->add_option("--char-ngrams-max", o.char_ngrams_max, "at most; 0: whole words only, which is much faster")->capture_default_str()->check(CLI::Range(0, 8));
  t->add_option("--min-count", o.min_count, "words seen less often are left out")->capture_default_str()->check(CLI::Range(1, 100000));
  t->add_option("--buckets", o.buckets, "places for n-grams while training")->capture_default_str()->check(CLI::Range(1000, 4000000));
  t->add_option("--cutoff", o.cutoff, "features that the model keeps: what its size comes from")->capture_default_str()->check(CLI::Range(300u, 2000000u));
  t->add_option("--seed", o.seed, "another seed, another model")->capture_default_str()->check(CLI::Range(0, 1000000));
  add_json(*t, call);
  t->footer("The same rows and options give the same bytes, in whatever order the rows come.\n\n"
            "Example:\n  sluice classifier train rows.jsonl -o policies/models/topic.ftz --ngrams 2 --cutoff 40000");
  t->callback([asked, &call] { call.exit_code = train(*asked, call.json); });
}

void add_eval(CLI::App& command, invocation& call) {
  auto* e = command.add_subcommand("eval", "Say how good a model is on labelled rows, and which threshold to write");
  const auto asked = std::make_shared<eval_options>();
  e->add_option("MODEL", asked->model, "the model, as models/topic.ftz")->required();
  e->add_option("DATA", asked->files, R"(files of {"text": …, "label": …}, one a line; rows of other labels than the model's count as others)")->required();
  e->add_option("--label", asked->label, "only this label");
  e->add_option("--max-fpr", asked->false_positives_max, "highest rate of false positives, shown with 95 % confidence")
      ->capture_default_str()->check(CLI::Range(0.0, 1.0));
  e->add_option("--at", asked->at, "the threshold for precision, recall and false positives")->capture_default_str()->check(CLI::Range(0.0, 1.0));
  e->add_option("--worst", asked->worst, "worst cases to show of each kind")->capture_default_str()->check(CLI::Range(0u, 1000u));
  add_json(*e, call);
  e->footer("Exit code: 0; with --label 3 when the rows are too few to show the bound.\n\n"
            "Example:\n  sluice classifier eval policies/models/attack.ftz attacks.jsonl everyday.jsonl --label attack --max-fpr 0.005");
  e->callback([asked, &call] { call.exit_code = evaluate(*asked, call.json); });
}

}  // namespace

void add_classifier(CLI::App& root, invocation& call) {
  auto* command = root.add_subcommand("classifier", "Train a classifier for policies, and measure one");
  command->require_subcommand(1);
  add_train(*command, call);
  add_eval(*command, call);
  command->footer("Example:\n  sluice classifier train rows.jsonl -o models/topic.ftz\n  sluice classifier eval models/topic.ftz others.jsonl");
}

}  // namespace sluice::app
