"""Settings of all tests: what `make check` leaves out, and in which order modules run."""

import hypothesis
import pytest
import torch

# The same examples on every run, and no deadline: a busy machine is not a fault of the library.
hypothesis.settings.register_profile(
    "course", derandomize=True, deadline=None, max_examples=40, database=None
)
hypothesis.settings.load_profile("course")

# The tensors of these tests are small: more threads only wait for each other.
torch.set_num_threads(1)

# What `make check` leaves out, apart from the notebooks and from tests that are marked slow or browser:
# modules that start other programs, and tests that compute for 5 seconds or more.
SLOW = [
    "test_marking.py",
    "test_challenge_runner.py",
    "test_browser_lessons.py",
    "test_book.py",
    "test_containers.py",
    "test_browser.py",
    "test_toolbox_browser.py",
    "test_playground_browser.py",
    "test_quiz_browser.py",
    "test_make.py",
    "test_live_view.py",
    "test_eyes_and_hands.py",
    "test_class_of_thirty.py",
    "test_offline.py",
]
SLOW_TESTS = [
    "test_a_descent_that_is_not_at_its_end_is_refused_with_any_seed",
    "test_a_good_run_is_good_and_none_of_these_is",
    "test_a_good_run_loses_nothing_and_each_of_these_a_decibel",
    "test_a_killed_process_costs_only_its_run",
    "test_a_later_start_keeps_more_of_it_and_another_image_is_followed",
    "test_a_process_that_is_killed_goes_on",
    "test_a_run_that_died_twice_ends_with_the_same_numbers",
    "test_a_run_that_fails_is_named_after_the_others_are_done",
    "test_a_wider_kernel_is_found_wider",
    "test_another_centre_or_even_angles_are_refused_with_every_seed",
    "test_bfloat16_fits_as_well",
    "test_blind_spot_gains_in_white_noise_alone_and_a_second_picture_in_all",
    "test_calibration_curve_is_the_true_error_plus_the_variance",
    "test_candidates_are_as_their_kind_says",
    "test_deep_red_and_total_variation_hold_the_fall_after_the_peak",
    "test_exercise_is_what_nbgrader_makes_of_the_solution",
    "test_it_beats_interpolation_and_the_correction_alone",
    "test_memory_is_kept_from_iteration_to_iteration",
    "test_narrow_deep_decoder_needs_no_stopping_where_the_skip_network_does",
    "test_no_refusal_has_more_hints_than_there_are_names_for",
    "test_nonsense_earns_nothing_and_stops_no_check",
    "test_odd_arguments_are_refused_on_purpose_or_give_a_right_result",
    "test_processes_give_the_same_in_the_same_order",
    "test_quality_is_the_textbooks",
    "test_real_runs_stop_within_one_decibel_of_their_peak",
    "test_samples_are_new_seeded_and_like_the_source",
    "test_shifts_fill_the_holes_that_measurement_consistency_leaves_open",
    "test_test_time_training_that_carries_on_takes_away_a_quarter_of_the_error",
    "test_the_baseline_is_no_straw_man_and_says_what_it_was_not_told",
    "test_the_code_gives_the_source_back_and_its_error_sets_the_noise",
    "test_the_game_finds_a_kernel_that_restores_more_than_bicubic",
    "test_the_rule_goes_on_too",
    "test_the_trained_gray_denoiser_is_within_a_decibel_of_bm3d",
    "test_twelve_megapixels_take_less_than_700_megabytes",
    "test_two_dask_workers_give_the_same_and_one_may_be_killed",
]
# The order of `make test`: what takes long goes first, so that both workers end together. Marking, which
# starts two processes of its own, runs beside the notebooks and not beside tests of how soon a page answers.
LONG = [
    "test_kit.py",
    "test_slides.py",
    "test_problem_sets.py",
    "test_adaptation.py",
    "test_self_supervised.py",
    "test_answers.py",
    "test_misuse.py",
    "test_risks.py",
]
ORDER = [SLOW[0], "a notebook", *SLOW[1:], *LONG]
COLLECTED = pytest.StashKey()


def place(item):
    name = item.path.name if item.path.suffix == ".py" else "a notebook"
    return ORDER.index(name) if name in ORDER else len(ORDER)


@pytest.hookimpl(tryfirst=True)  # before -m and -k take their choice
def pytest_collection_modifyitems(config, items):
    config.stash[COLLECTED] = {(item.path, getattr(item, "originalname", item.name)) for item in items}
    for item in items:
        slow = item.path.name in SLOW or getattr(item, "originalname", None) in SLOW_TESTS
        if slow or item.get_closest_marker("browser"):
            item.add_marker("slow")
    items.sort(key=place)
